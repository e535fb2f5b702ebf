package spool

import (
	"slices"
)

// place notes the path at which f was found. Where that is a new one, it is
// made sure at once that f still is what it was, and not another file with a
// recycled inode: what it was may have been copied or compressed, and is looked
// for by its old path.
func (r *reader) place(f *file, path string) {
	if f.mark.path != path {
		if r.byPath[f.mark.path] == f {
			delete(r.byPath, f.mark.path)
		}
		if f.was == "" {
			f.was = f.mark.path
		}
		f.mark.path, f.moved = path, f.known && f.mark.offset > 0
		if isOther, err := replaced(f, r.scratch[:]); err == nil && isOther && f.known && f.mark.offset > 0 {
			r.restart(f)
		}
		r.unkin(f)
		r.replaceKin(f)
		r.queue.add(f)
	}
	r.byPath[path] = f
}

// add makes f known by its key, its inode and its family.
func (r *reader) add(f *file) {
	r.files[f.key] = f
	if (f.id != inode{}) {
		r.byID[f.id] = f
	}
	r.replaceKin(f)
}

func (r *reader) replaceKin(f *file) {
	r.files[f.key] = f
	f.kin = familyPath(f.mark.path)
	if !slices.Contains(r.kin[f.kin], f) {
		r.kin[f.kin] = append(r.kin[f.kin], f)
	}
}

func (r *reader) unkin(f *file) {
	kin := r.kin[f.kin]
	if i := slices.Index(kin, f); i >= 0 {
		r.kin[f.kin] = slices.Delete(kin, i, i+1)
	}
	if len(r.kin[f.kin]) == 0 {
		delete(r.kin, f.kin)
	}
}

// remove takes f out of every index but the batch's.
func (r *reader) remove(f *file) {
	delete(r.files, f.key)
	delete(r.waits, f)
	if r.byID[f.id] == f {
		delete(r.byID, f.id)
	}
	if r.byPath[f.mark.path] == f {
		delete(r.byPath, f.mark.path)
	}
	r.unkin(f)
}

// drop closes f and forgets that it was there.
func (r *reader) drop(f *file) {
	delete(r.batch.touched, f)
	r.close(f)
	r.remove(f)
}

func (r *reader) closeAll() {
	for e := r.opened.Front(); e != nil; e = r.opened.Front() {
		f, ok := e.Value.(*file)
		if !ok {
			return
		}
		r.close(f)
	}
}
