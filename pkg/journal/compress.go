package journal

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// codec is how a frame's body is compressed.
type codec uint8

const (
	codecNone codec = 0
	codecS2   codec = 1 // one s2 block
	codecZstd codec = 2 // one zstd frame
)

func parseCodec(name string) (codec, error) {
	switch name {
	case "", "none":
		return codecNone, nil
	case "s2":
		return codecS2, nil
	case "zstd":
		return codecZstd, nil
	default:
		return codecNone, fmt.Errorf("journal: unknown compression %q: none, s2 or zstd", name)
	}
}

// compressor holds what is dear to make. It may be used from any goroutine.
type compressor struct {
	zstd func() (*zstd.Encoder, error)
}

// zstdWindow is how far back a match may lie, in bytes. A longer one takes several
// times the memory, for as long as the journal is open, and saves nothing: what is
// alike in events lies near.
const zstdWindow = 1 << 20

func newCompressor() *compressor {
	return &compressor{zstd: sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithWindowSize(zstdWindow))
	})}
}

// bound is the most that compressing n bytes can give.
func (c codec) bound(n int) int {
	if c == codecS2 {
		return s2.MaxEncodedLen(n)
	}
	return n + n>>7 + 128
}

// appendTo appends raw, compressed, to dst.
func (z *compressor) appendTo(dst, raw []byte, c codec) ([]byte, error) {
	switch c {
	case codecS2:
		need := s2.MaxEncodedLen(len(raw))
		out := s2.Encode(dst[len(dst):len(dst)+need:len(dst)+need], raw)
		return dst[:len(dst)+len(out)], nil
	case codecZstd:
		enc, err := z.zstd()
		if err != nil {
			return nil, fmt.Errorf("make zstd encoder: %w", err)
		}
		return enc.EncodeAll(raw, dst), nil
	default:
		return append(dst, raw...), nil
	}
}

// decompressor undoes what a compressor did. It may be used from any goroutine.
type decompressor struct {
	zstd     func() (*zstd.Decoder, error)
	memories memories
}

func newDecompressor() *decompressor {
	return &decompressor{zstd: sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderLowmem(true))
	})}
}

// expand returns body decompressed, as the raw part of memory of its own.
func (z *decompressor) expand(h *header, body []byte) (*memory, error) {
	if h.codec == codecS2 {
		if n, err := s2.DecodedLen(body); err != nil || n != int(h.raw) {
			return nil, errPayload
		}
	}
	m := z.memories.take(int(h.raw))
	raw, err := z.decode(h, body, m.raw)
	if err != nil || len(raw) != int(h.raw) {
		m.release()
		return nil, errPayload
	}
	m.raw = raw
	return m, nil
}

// decode decompresses body into dst, which is as long as the header says.
func (z *decompressor) decode(h *header, body, dst []byte) ([]byte, error) {
	switch h.codec {
	case codecNone:
		return append(dst[:0], body...), nil
	case codecS2:
		return s2.Decode(dst, body)
	case codecZstd:
		dec, err := z.zstd()
		if err != nil {
			return nil, err
		}
		return dec.DecodeAll(body, dst[:0])
	default:
		return nil, errPayload
	}
}
