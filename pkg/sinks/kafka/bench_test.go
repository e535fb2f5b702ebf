package kafka

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/sinktest"
)

// BenchmarkEncode makes the record batches of 1000 events for six partitions:
// all that a Deliver costs but the connection.
func BenchmarkEncode(b *testing.B) {
	for _, compression := range []string{"none", "lz4", "snappy", "zstd", "gzip"} {
		b.Run(compression, func(b *testing.B) {
			codec, err := codec(compression)
			if err != nil {
				b.Fatal(err)
			}
			c := defaults()
			s := &sink{cfg: c, codec: codec, key: keys[c.Key]}
			batch := sinktest.Batch(0, 1000, nil)
			indices := all(len(batch.Items))
			leaders := make([]int32, 6)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				p := s.plan(batch, leaders, nil, indices)
				for _, l := range p.lanes[0] {
					for len(l.chunks) > 0 {
						rb := s.borrow()
						if _, err := p.encode(l, rb); err != nil {
							b.Fatal(err)
						}
						s.batches.Put(rb)
						l.chunks = l.chunks[1:]
					}
				}
			}
		})
	}
}
