package spool

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A member is a part of a compressed file that is decompressed by itself, a gzip
// member or a zstd frame: where it begins.
type member struct {
	raw int64 // in the file
	off int64 // in the content
}

// members are the last ones of a file, so that one that grows by members is not
// decompressed from its beginning each time. They are a guess: the file may have
// got another content since.
type members struct{ known []member }

const (
	maxMembers = 64
	memberStep = 4 << 10 // of content, between those that are remembered
)

// add remembers where a member begins. Those that are known come again where a
// file is decompressed again.
func (m *members) add(next member) {
	n := len(m.known)
	if n > 0 && next.off < m.known[n-1].off+memberStep {
		return
	}
	if n == maxMembers {
		m.known = slices.Delete(m.known, 0, 1)
	}
	m.known = append(m.known, next)
}

// before gives the last known member that begins at off or before it; the zero
// member: none is known, begin at the beginning.
func (m *members) before(off int64) member {
	for _, known := range slices.Backward(m.known) {
		if known.off <= off {
			return known
		}
	}
	return member{}
}

// A gzipReader decompresses a file from a member on.
type gzipReader struct {
	dec     *gzip.Reader
	section *io.SectionReader
	in      *bufio.Reader
	from    member // where section begins
	off     int64
	between bool // the last member has ended
	ended   func(member)
}

func newGzipReader(file *os.File, from member, ended func(member)) *gzipReader {
	section := io.NewSectionReader(file, from.raw, 1<<62)
	return &gzipReader{
		dec: new(gzip.Reader), section: section, in: bufio.NewReaderSize(section, 128<<10),
		from: from, off: from.off, between: true, ended: ended,
	}
}

// Read implements io.Reader.
func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		if g.between {
			if err := g.dec.Reset(g.in); err != nil {
				return 0, err
			}
			g.dec.Multistream(false) // and the input stays where the member ends
			g.between = false
		}
		n, err := g.dec.Read(p)
		g.off += int64(n)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		g.between = true
		at, err := g.section.Seek(0, io.SeekCurrent)
		if err != nil {
			return n, err
		}
		g.ended(member{raw: g.from.raw + at - int64(g.in.Buffered()), off: g.off})
		if n > 0 {
			return n, nil
		}
	}
}

// A zstdReader decompresses a file from a frame on.
type zstdReader struct {
	dec   *zstd.Decoder
	file  *os.File
	next  member // the frame that begins after the one that dec has
	whole bool   // dec has a frame that is there to its end
	ended func(member)
}

func newZstdReader(file *os.File, from member, ended func(member)) (*zstdReader, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	z := &zstdReader{dec: dec, file: file, next: from, ended: ended}
	if err := z.begin(); err != nil {
		dec.Close()
		return nil, err
	}
	return z, nil
}

// begin gives dec the next frame alone, so that its end is seen, or all that is
// left where the frame's end is not there or cannot be found.
func (z *zstdReader) begin() error {
	from, length := z.next.raw, int64(1<<62)
	end, err := frameEnd(z.file, from)
	if z.whole = err == nil; z.whole {
		length = end - from
		z.next.raw = end
	}
	return z.dec.Reset(bufio.NewReaderSize(io.NewSectionReader(z.file, from, length), 128<<10))
}

// Read implements io.Reader.
func (z *zstdReader) Read(p []byte) (int, error) {
	for {
		n, err := z.dec.Read(p)
		z.next.off += int64(n)
		if !errors.Is(err, io.EOF) || !z.whole {
			return n, err
		}
		z.ended(z.next)
		if err := z.begin(); err != nil || n > 0 {
			return n, err
		}
	}
}

// errNoFrame: there is no frame that is whole.
var errNoFrame = errors.New("no whole frame")

// frameEnd finds where the zstd frame at raw ends (RFC 8878, section 3.1). It
// reads no more than the headers of its blocks.
func frameEnd(file *os.File, raw int64) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var buf [zstd.HeaderMaxSize]byte
	n, _ := file.ReadAt(buf[:], raw) // less is fine, and an error comes again
	var head zstd.Header
	if err := head.Decode(buf[:n]); err != nil {
		return 0, err
	}
	end := raw + int64(head.HeaderSize)
	if head.Skippable {
		end += int64(head.SkippableSize)
	}
	for last := head.Skippable; !last; {
		if _, err := file.ReadAt(buf[:3], end); err != nil {
			return 0, err
		}
		word := int64(buf[0]) | int64(buf[1])<<8 | int64(buf[2])<<16
		last = word&1 != 0
		size := word >> 3
		if word>>1&3 == 1 { // one byte, repeated
			size = 1
		}
		end += 3 + size
	}
	if head.HasCheckSum {
		end += 4
	}
	if end > info.Size() {
		return 0, errNoFrame
	}
	return end, nil
}
