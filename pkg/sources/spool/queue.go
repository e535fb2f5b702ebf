package spool

import "slices"

// A queue says which file is read next. The files of one family are read one
// after the other, older ones first; families take turns by the block, so that
// a large backlog in one does not hold up the others.
type queue struct {
	turns []*turns
	byKin map[string]*turns
}

type turns struct {
	kin   string
	files []*file
}

func newQueue() *queue { return &queue{byKin: make(map[string]*turns)} }

// add queues a file, unless it is queued.
func (q *queue) add(f *file) {
	if f.queued {
		return
	}
	f.queued = true
	t := q.byKin[f.kin]
	if t == nil {
		t = &turns{kin: f.kin}
		q.byKin[f.kin] = t
		q.turns = append(q.turns, t)
	}
	at, _ := slices.BinarySearchFunc(t.files, f, func(a, b *file) int {
		if older(a, b) {
			return -1
		}
		return 1
	})
	t.files = slices.Insert(t.files, at, f)
}

// next takes the next file off; nil: there is none.
func (q *queue) next() *file {
	if len(q.turns) == 0 {
		return nil
	}
	t := q.turns[0]
	q.turns = q.turns[1:]
	f := t.files[0]
	t.files = t.files[1:]
	if len(t.files) > 0 {
		q.turns = append(q.turns, t)
	} else {
		delete(q.byKin, t.kin)
	}
	f.queued = false
	return f
}

// again puts a file that next returned before all others of its family.
func (q *queue) again(f *file) {
	f.queued = true
	t := q.byKin[f.kin]
	if t == nil {
		t = &turns{kin: f.kin}
		q.byKin[f.kin] = t
		q.turns = append(q.turns, t)
	}
	t.files = slices.Insert(t.files, 0, f)
}
