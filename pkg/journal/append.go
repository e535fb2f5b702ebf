package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shiplog/shiplog/pkg/event"
)

// request is an append that waits for the writer.
type request struct {
	header
	frame    []byte   // room for the header, the payload, room for the trailer
	digest   [32]byte // SHA-256 of the payload
	source   string
	position event.Position
	body     []byte  // not compressed; kept by the recent frames
	memory   *memory // that body is a part of
	packed   *memory // that frame is a part of, where it is compressed

	taken     bool  // by the writer; guarded by Journal.mu
	cancelled error // why the caller no longer waits for room; guarded by Journal.mu

	err  error
	done chan struct{} // closed when first, or err, is set
}

// Append stores a batch as one frame and returns the first sequence it was
// given once it is durable; the sequences of a batch are consecutive. Appends
// that wait are written and synced together. While the journal or the disk is
// full it blocks until there is room or ctx ends; with ctx's error nothing was
// stored. After a failed sync it returns a *FatalError, as does every later
// call: the process must stop.
func (j *Journal) Append(ctx context.Context, b Batch) (first uint64, err error) {
	if len(b.Events) == 0 && len(b.Position) == 0 {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.last + 1, j.failed()
	}
	started := time.Now()
	r, err := j.encode(b)
	if err != nil {
		return 0, fmt.Errorf("journal: encode a batch of %s: %w", b.Source, err)
	}
	j.mu.Lock()
	if err := j.failed(); err != nil {
		j.mu.Unlock()
		return 0, err
	}
	j.queue = append(j.queue, r)
	j.mu.Unlock()
	signal(j.work)
	if err := j.await(ctx, r); err != nil {
		return 0, err
	}
	j.metrics.Appended(len(b.Events), len(r.frame), time.Since(started))
	return r.first, nil
}

// await waits until r is durable, or takes it back when ctx ends first. What is
// on its way to the disk already cannot be taken back; that takes no longer
// than the disk.
func (j *Journal) await(ctx context.Context, r *request) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	j.mu.Lock()
	if !r.taken && r.err == nil {
		if i := slices.Index(j.queue, r); i >= 0 {
			j.queue = slices.Delete(j.queue, i, i+1)
			j.mu.Unlock()
			return ctx.Err()
		}
	}
	r.cancelled = ctx.Err()
	j.mu.Unlock()
	<-r.done
	return r.err
}

var errTooLarge = errors.New("larger than a frame can be")

// encode makes all of a frame that does not depend on its place in the journal.
// It runs in the goroutine of Append's caller.
func (j *Journal) encode(b Batch) (*request, error) {
	r := &request{source: b.Source, position: b.Position, done: make(chan struct{})}
	var marks []mark
	if len(b.Events) > 0 || len(b.Position) > 0 {
		marks = []mark{{b.Source, b.Position}}
	}
	meta := encodeMarks(marks)
	bound := 0
	spans := emptySpan()
	for i := range b.Events {
		bound += eventBound(&b.Events[i])
		at := b.Events[i].Occurred.UnixMicro()
		spans.add(span{at, at})
	}
	if bound+len(meta) > maxPayload {
		return nil, fmt.Errorf("%d bytes: %w", bound, errTooLarge)
	}
	r.memory = j.unzip.memories.take(headerSize + len(meta) + bound + trailerSize)
	buf := append(r.memory.raw[:headerSize], meta...)
	start := len(buf)
	for i := range b.Events {
		buf = appendEvent(buf, &b.Events[i], b.Source)
	}
	r.body = buf[start:]
	r.memory.raw = buf
	r.header = header{
		kind:     kindEvents,
		meta:     uint32(len(meta)),     // #nosec G115 -- below maxPayload
		raw:      uint32(len(r.body)),   // #nosec G115 -- below maxPayload
		events:   uint32(len(b.Events)), // #nosec G115 -- fewer than bytes
		minOccur: spans.min,
		maxOccur: spans.max,
	}
	buf, err := j.compress(r, buf, start)
	if err != nil {
		return nil, err
	}
	r.finish(buf)
	return r, nil
}

// compress replaces the body of the frame in buf, which begins at start, where
// that makes it smaller.
func (j *Journal) compress(r *request, buf []byte, start int) ([]byte, error) {
	if j.codec == codecNone || len(r.body) == 0 {
		return buf, nil
	}
	packed := j.unzip.memories.take(start + j.codec.bound(len(r.body)) + trailerSize)
	out := append(packed.raw[:0], buf[:start]...)
	out, err := j.zip.appendTo(out, r.body, j.codec)
	if err != nil {
		return nil, err
	}
	packed.raw = out
	if len(out) >= len(buf) {
		packed.release()
		return buf, nil
	}
	r.codec = j.codec
	r.packed = packed
	return out, nil
}

// finish computes what depends on the payload alone. Buf is the frame without
// its trailer.
func (r *request) finish(buf []byte) {
	payload := buf[headerSize:]
	r.stored = uint32(len(payload)) // #nosec G115 -- below maxPayload
	r.crc = checksum(payload)
	r.digest = sha256.Sum256(payload)
	r.frame = append(buf, make([]byte, trailerSize)...)
}
