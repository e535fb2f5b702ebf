package file

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// pack writes lines to a file, compressed or not, and returns how many bytes that
// were.
type pack func(f io.Writer, lines [][]byte) (int, error)

// packer gives the pack that all files of a sink share: a compressor takes
// megabytes, and a backlog can be of many dates.
func packer(p packing) pack {
	switch p {
	case packedGzip:
		return pooled(packGzip)
	case packedZstd:
		return pooled(packZstd)
	default:
		return writeLines
	}
}

// pooled is a pack that is made when it is needed, so that a sink at rest gives
// its memory back.
func pooled(make func() pack) pack {
	var pool sync.Pool
	return func(f io.Writer, lines [][]byte) (int, error) {
		p, ok := pool.Get().(pack)
		if !ok {
			p = make()
		}
		defer pool.Put(p)
		return p(f, lines)
	}
}

func packGzip() pack {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	return func(f io.Writer, lines [][]byte) (int, error) {
		buf.Reset()
		w.Reset(&buf)
		if _, err := writeLines(w, lines); err != nil {
			return 0, err
		}
		if err := w.Close(); err != nil {
			return 0, err
		}
		return f.Write(buf.Bytes())
	}
}

// zstdWindow is how far back a match may lie, in bytes. A longer one takes several
// times the memory, and saves nothing: what is alike in events lies near.
const zstdWindow = 1 << 20

func packZstd() pack {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstdWindow)) // the options are valid
	var buf []byte
	return func(f io.Writer, lines [][]byte) (int, error) {
		text := bytes.NewBuffer(make([]byte, 0, sizeOf(lines)))
		if _, err := writeLines(text, lines); err != nil {
			return 0, err
		}
		buf = w.EncodeAll(text.Bytes(), buf[:0])
		return f.Write(buf)
	}
}

// chunkBytes is how much of a batch is copied together for one write.
const chunkBytes = 256 << 10

// writeLines writes whole lines, a chunk at a time.
func writeLines(w io.Writer, lines [][]byte) (written int, err error) {
	chunk := make([]byte, 0, min(sizeOf(lines), chunkBytes))
	for i, line := range lines {
		chunk = append(append(chunk, line...), '\n')
		if i+1 < len(lines) && len(chunk)+len(lines[i+1])+1 <= chunkBytes {
			continue
		}
		n, err := w.Write(chunk)
		written += n
		if err != nil {
			return written, err
		}
		chunk = chunk[:0]
	}
	return written, nil
}

// sizeOf is the length of lines with their line feeds.
func sizeOf(lines [][]byte) int {
	n := len(lines)
	for _, line := range lines {
		n += len(line)
	}
	return n
}
