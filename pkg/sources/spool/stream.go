package spool

import (
	"bytes"
	"fmt"
	"slices"
)

// A stream is one content that grows, whichever files have it: a log and the
// copy that rotation makes of it, plain or compressed, are one stream, and what
// was read of one was read of all. Its bookmark moves over every byte once,
// read from any file that has it. One that no file has any more is remembered
// for a while, so that it is known when it turns up again.
type stream struct {
	key   string // its part of the position
	mark  bookmark
	kin   string  // familyPath of where it is
	files []*file // that have it, or a beginning of it

	start []byte // the first bytes, at most startSize: what most files differ in; nil: not known since the start of the program
	head  []byte // the first bytes, until they are headSize
	last  []byte // the last tailSize bytes before the offset
}

// newStream makes the stream of a file whose content is no one else's.
func (r *reader) newStream(f *file) *stream {
	r.born++
	s := &stream{key: fmt.Sprintf("%x-%x-%x-%x", f.id.dev, f.id.ino, r.started.UnixNano(), r.born)}
	s.mark.path = f.path
	r.addStream(s)
	return s
}

// addStream makes s known by its key, its family and its main file.
func (r *reader) addStream(s *stream) {
	r.streams[s.key] = s
	s.kin = familyPath(s.mark.path)
	r.kin[s.kin] = append(r.kin[s.kin], s)
	r.setMain(s, s.mark.main)
}

// dropStream forgets s.
func (r *reader) dropStream(s *stream) {
	delete(r.streams, s.key)
	delete(r.batch.touched, s)
	r.setMain(s, inode{})
	r.unkin(s)
}

func (r *reader) unkin(s *stream) {
	kin := r.kin[s.kin]
	if i := slices.Index(kin, s); i >= 0 {
		kin = slices.Delete(kin, i, i+1)
	}
	r.kin[s.kin] = kin
	if len(kin) == 0 {
		delete(r.kin, s.kin)
	}
}

// setMain notes which file s was last read from.
func (r *reader) setMain(s *stream, id inode) {
	if r.mains[s.mark.main] == s {
		delete(r.mains, s.mark.main)
	}
	s.mark.main = id
	if id != (inode{}) {
		r.mains[id] = s
	}
}

// moveStream notes a new path of one of s's files.
func (r *reader) moveStream(s *stream, path string) {
	s.mark.path = path
	if kin := familyPath(path); kin != s.kin {
		r.unkin(s)
		s.kin = kin
		r.kin[kin] = append(r.kin[kin], s)
	}
	r.touch(s)
}

// touch has s's bookmark stored with the batch.
func (r *reader) touch(s *stream) {
	if s.mark.offset > 0 || s.mark.bad > 0 {
		r.batch.touched[s] = struct{}{}
	}
}

// attach makes f one of the files that have s.
func (r *reader) attach(f *file, s *stream) {
	f.stream, f.left = s, nil
	s.files = append(s.files, f)
	if s.mark.gone != 0 {
		s.mark.gone = 0
		r.touch(s)
	}
}

// detach takes f, whose content is another now or which is no more, from its
// stream. The stream stays known: a copy of it may turn up.
func (r *reader) detach(f *file) {
	s := f.stream
	f.stream, f.checked, f.sure, f.long, f.members = nil, 0, false, nil, nil
	s.files = slices.DeleteFunc(s.files, func(g *file) bool { return g == f })
	if s.mark.offset == 0 && s.mark.bad == 0 && len(s.files) == 0 {
		r.dropStream(s)
	}
}

// replaced is called where f no longer has the content that it was known for.
func (r *reader) replaced(f *file) {
	s := f.stream
	r.log.Info("content replaced, reading from the start", "path", f.path, "offset", s.mark.offset)
	r.detach(f)
	if s.mark.main == f.id {
		r.setMain(s, inode{})
		s.mark.bad = 0
		r.touch(s)
	}
	f.left, f.skip, f.moved = s, false, false
	r.close(f)
	r.queue.add(f)
	r.rescan = true // its copy may be there by now
}

// advance moves f's stream over data, which was read at its offset.
func (r *reader) advance(f *file, data []byte) {
	s := f.stream
	if n := len(s.start); n < startSize && s.mark.offset == int64(n) {
		s.start = append(s.start, data[:min(len(data), startSize-n)]...)
	}
	if n := s.mark.headLen(); n < headSize {
		s.head = append(s.head, data[:min(len(data), headSize-n)]...)
		s.mark.head = digestOf(s.head)
		if len(s.head) == headSize {
			s.head = nil
		}
	}
	if len(data) >= tailSize {
		s.last = append(s.last[:0], data[len(data)-tailSize:]...)
	} else {
		s.last = append(s.last, data...)
		s.last = append(s.last[:0], s.last[max(0, len(s.last)-tailSize):]...)
	}
	s.mark.tail = digestOf(s.last)
	r.moveTo(f, s.mark.offset+int64(len(data)))
}

// jump moves f's stream to offset without reading all that is before it.
func (r *reader) jump(f *file, offset int64) error {
	s := f.stream
	mark := bookmark{offset: offset}
	if s.mark.headLen() < mark.headLen() {
		head := r.scratch[:mark.headLen()]
		if n, err := f.src.ReadAt(head, 0); n < len(head) {
			return fmt.Errorf("read the head: %w", err)
		}
		s.mark.head = digestOf(head)
		s.start, s.head = bytes.Clone(head[:min(len(head), startSize)]), nil
		if len(head) < headSize {
			s.head = bytes.Clone(head)
		}
	}
	tail := r.scratch[headSize : headSize+mark.tailLen()]
	if n, err := f.src.ReadAt(tail, offset-int64(len(tail))); n < len(tail) {
		return fmt.Errorf("read back from byte %d: %w", offset, err)
	}
	s.mark.tail = digestOf(tail)
	s.last = bytes.Clone(tail)
	r.moveTo(f, offset)
	return nil
}

func (r *reader) moveTo(f *file, offset int64) {
	s := f.stream
	s.mark.offset, f.checked = offset, offset
	if s.mark.main != f.id {
		r.setMain(s, f.id)
		s.mark.bad = 0
	}
	r.touch(s)
}
