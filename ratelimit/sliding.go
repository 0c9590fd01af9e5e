package ratelimit

// eighths is into how many parts a sliding window is split.
const eighths = 8
