package spool

// place notes the path at which f was found.
func (r *reader) place(f *file, path string) {
	if f.path != path {
		if r.byPath[f.path] == f {
			delete(r.byPath, f.path)
		}
		f.path, f.kin, f.moved = path, familyPath(path), true
		r.queue.add(f)
	}
	r.byPath[path] = f
}

// drop closes f and forgets that it was there.
func (r *reader) drop(f *file) {
	r.close(f)
	if f.stream != nil {
		r.detach(f)
	}
	delete(r.waits, f)
	delete(r.files, f.id)
	if r.byPath[f.path] == f {
		delete(r.byPath, f.path)
	}
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
