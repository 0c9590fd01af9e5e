package auth

import (
	"context"
	"log/slog"
	"time"
)

// A remark is for the log: a change of state, not every failure.
type remark struct {
	level slog.Level
	text  string
	a     answer
}

func (r *RemoteKeySet) tell(news []Event, say *remark) {
	ctx := context.Background()
	if say != nil {
		attrs := []slog.Attr{slog.String("url", plain(say.a.url))}
		if r.issuer != "" {
			attrs = append(attrs, slog.String("issuer", r.issuer))
		}
		if say.a.err != nil {
			attrs = append(attrs, slog.Any("error", say.a.err))
		}
		r.logger.LogAttrs(ctx, say.level, say.text, attrs...)
	}
	if r.observe == nil {
		return
	}
	for _, e := range news {
		e.Issuer, e.URL = r.issuer, plain(e.URL)
		r.observe(ctx, e)
	}
}

func (r *RemoteKeySet) wallTime() time.Time { return r.wallOf(r.clock()) }

func (r *RemoteKeySet) wallOf(i instant) time.Time { return time.Unix(0, i.wall) }
