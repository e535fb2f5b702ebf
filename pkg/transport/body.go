package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// pooledBody is the largest body that is kept for reuse: one unusual batch must
// not hold its memory for ever.
const pooledBody = 8 << 20

// Bodies makes request bodies out of memory that is used again. It may be used
// from many goroutines.
type Bodies struct {
	compressed bool
	pool       sync.Pool // of *Body
	zips       sync.Pool // of *gzip.Writer: more than a megabyte each, and of use only while a body is made
}

// NewBodies returns a maker of bodies: compression is gzip (level 1: a sidecar
// has better uses for its CPU than the last tenth) or none.
func NewBodies(compression string) (*Bodies, error) {
	switch compression {
	case "gzip":
		return &Bodies{compressed: true}, nil
	case "none", "":
		return &Bodies{}, nil
	default:
		return nil, fmt.Errorf("compression %q: must be gzip or none", compression)
	}
}

// New returns an empty body. Its maker calls Release once, when it no longer
// needs the body itself; requests that still send it keep it alive.
func (p *Bodies) New() *Body {
	b, ok := p.pool.Get().(*Body)
	if !ok {
		b = &Body{pool: p}
	}
	b.sent.Reset()
	b.plain = 0
	if p.compressed {
		b.zip = p.newZip(&b.sent)
	}
	b.users.Store(1)
	return b
}

func (p *Bodies) newZip(to *bytes.Buffer) *gzip.Writer {
	if z, ok := p.zips.Get().(*gzip.Writer); ok {
		z.Reset(to)
		return z
	}
	z, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // the level is valid
	return z
}

// Body is a request body under construction, and then one that can be sent any
// number of times.
type Body struct {
	pool  *Bodies
	sent  bytes.Buffer
	zip   *gzip.Writer // nil: not compressed, or ended
	plain int
	users atomic.Int32 // the maker and every open reader
}

// Write appends to the body. It never fails.
func (b *Body) Write(p []byte) (int, error) {
	b.plain += len(p)
	if b.zip != nil {
		return b.zip.Write(p)
	}
	return b.sent.Write(p)
}

// Plain is the number of bytes that were written.
func (b *Body) Plain() int { return b.plain }

// Len is the number of bytes on the wire, after Attach.
func (b *Body) Len() int { return b.sent.Len() }

// Attach ends the body if need be and makes it req's.
func (b *Body) Attach(req *http.Request) error {
	if b.zip != nil {
		if err := b.zip.Close(); err != nil {
			return fmt.Errorf("compress the request: %w", err)
		}
		b.pool.zips.Put(b.zip)
		b.zip = nil
	}
	if b.pool.compressed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.ContentLength = int64(b.sent.Len())
	req.GetBody = func() (io.ReadCloser, error) { return b.reader(), nil }
	req.Body = b.reader()
	return nil
}

// Release gives the body up.
func (b *Body) Release() {
	if b.users.Add(-1) > 0 {
		return
	}
	if b.sent.Cap() <= pooledBody {
		b.pool.pool.Put(b)
	}
}

// reader returns a reader that holds the body until it is closed: an HTTP
// client may go on reading after it has returned an early answer.
func (b *Body) reader() io.ReadCloser {
	b.users.Add(1)
	r := &bodyReader{body: b}
	r.Reset(b.sent.Bytes())
	return r
}

type bodyReader struct {
	bytes.Reader
	body   *Body
	closed atomic.Bool
}

// Close lets go of the body. It may be called twice.
func (r *bodyReader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.body.Release()
	}
	return nil
}
