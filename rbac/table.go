package rbac

// A table holds the pairs of a policy. It is a hash table with open addressing,
// made once and then only read. A map of the same pairs takes twice as long:
// it hashes every byte of both names, where a few bytes tell them apart.
type table struct {
	slots []pair // a power of two of them, at least half of them free (the zero pair)
}

type pair struct {
	role Role
	perm Permission
}

// newTable returns the table of distinct, checked pairs. It takes more room as
// long as a look-up would have to pass more than one other pair: names that the
// hash can't tell apart make it slower, not wrong.
func newTable(pairs []pair) table {
	size := 2
	for size < 4*len(pairs) {
		size *= 2
	}
	for {
		t := table{make([]pair, size)}
		longest := 0
		for _, p := range pairs {
			longest = max(longest, t.insert(p))
		}
		if longest <= 1 || size > 32*len(pairs) {
			return t
		}
		size *= 2
	}
}

// insert returns the number of slots it found taken.
func (t table) insert(p pair) (passed int) {
	i := t.home(p.role, p.perm)
	for t.slots[i] != (pair{}) {
		i = (i + 1) & (len(t.slots) - 1)
		passed++
	}
	t.slots[i] = p
	return passed
}

func (t table) has(role Role, perm Permission) bool {
	if role == "" || len(perm) < 3 || len(t.slots) == 0 {
		return false // shorter than any name
	}
	for i := t.home(role, perm); ; i = (i + 1) & (len(t.slots) - 1) {
		s := &t.slots[i]
		if s.perm == perm && s.role == role {
			return true
		}
		if s.role == "" {
			return false
		}
	}
}

// home returns the slot at which the search for a pair begins. Role is not empty
// and perm has three bytes or more.
func (t table) home(role Role, perm Permission) int {
	h := uint32(len(role)) ^ uint32(role[0])<<5 ^ uint32(role[len(role)-1])<<11 ^
		uint32(len(perm))<<3 ^ uint32(perm[0])<<18 ^ uint32(perm[len(perm)/2])<<21 ^
		uint32(perm[len(perm)-2])<<14 ^ uint32(perm[len(perm)-1])<<9
	return int(h*0x9E3779B1>>8) & (len(t.slots) - 1) // Fibonacci hashing: Knuth, TAOCP vol. 3, §6.4
}
