package deflate

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// expand reads a member back with the standard library.
func expand(t testing.TB, member []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// pack compresses text that comes in parts of the given size.
func pack(z *Gzip, text []byte, part int) []byte {
	z.Reset()
	for len(text) > part {
		_, _ = z.Write(text[:part])
		text = text[part:]
	}
	_, _ = z.Write(text)
	return z.Close()
}

// noise is text that does not repeat itself.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// events looks like what is shipped: long stretches that repeat, and random ids.
func events(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for b.Len() < n {
		id, at := rng.Uint64(), rng.Uint32()
		for range 2 {
			b.WriteString(`{"event":{"action":"prefect-cloud.api-key.created","outcome":"success","id":"`)
			b.WriteString(hexadecimal(id) + hexadecimal(^id))
			b.WriteString(`"},"user":{"email":"jane.doe@example.com"},"@timestamp":"2026-03-01T00:00:`)
			b.WriteString(hexadecimal(uint64(at)) + `Z"}` + "\n")
		}
	}
	return b.Bytes()[:n]
}

func hexadecimal(v uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[v>>(4*i)&15]
	}
	return string(b[:])
}

func TestEveryTextReadsBack(t *testing.T) {
	var z Gzip // one for all: what it saw before must not matter
	for _, row := range []struct {
		name string
		text []byte
	}{
		{"nothing", nil},
		{"one byte", []byte("a")},
		{"two symbols", []byte("ab")},
		{"one byte again and again", bytes.Repeat([]byte("a"), 100_000)},
		{"a match of 259, which must be cut in two", []byte("x" + strings.Repeat("abcdefgh", 33)[:260] + "y" + strings.Repeat("abcdefgh", 33)[:259] + "z")},
		{"zeros over several blocks", make([]byte, 3*blockSize+17)},
		{"noise", noise(5000)},
		{"noise over several blocks", noise(2*blockSize + 100)},
		{"events", events(300_000)},
		{"events that end with a block", events(2 * blockSize)},
		{"events that end with a block's head", events(blockSize + headSize)},
		{"events, then noise", append(events(blockSize-2000), noise(40_000)...)},
		{"noise, then events", append(noise(headSize), events(200_000)...)},
		{"a repeat as far away as can be", append(append(events(100), noise(maxDistance-100)...), events(100)...)},
		{"a repeat that is too far away", append(append(events(100), noise(maxDistance-99)...), events(100)...)},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, part := range []int{1 << 30, 3000, 7} {
				if got := expand(t, pack(&z, row.text, part)); !bytes.Equal(got, row.text) {
					t.Errorf("in parts of %d: %d bytes do not read back", part, len(row.text))
				}
			}
		})
	}
}

// Codes must fit into 15 bits, however unevenly symbols are spread.
func TestRareSymbols(t *testing.T) {
	var text []byte
	a, b := 1, 1
	for c := range byte(19) { // Fibonacci's numbers make the deepest tree
		text = append(text, bytes.Repeat([]byte{c}, a)...)
		a, b = b, a+b
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(text), func(i, j int) { text[i], text[j] = text[j], text[i] })
	var z Gzip
	if got := expand(t, pack(&z, text, 1<<30)); !bytes.Equal(got, text) {
		t.Error("the text does not read back")
	}
}

// Text that cannot be compressed must not grow by more than its frame.
func TestNoiseHardlyGrows(t *testing.T) {
	text := noise(1 << 20)
	var z Gzip
	if got := len(pack(&z, text, 1<<30)); got > len(text)+len(text)/1000 {
		t.Errorf("%d bytes became %d", len(text), got)
	}
}

// After two gigabytes positions begin anew.
func TestPositionsBeginAnew(t *testing.T) {
	var z Gzip
	text := events(5 * blockSize)
	pack(&z, text, 1<<30)
	for _, before := range []uint32{1, blockSize, 3 * blockSize} {
		z.find.base = maxBase - before
		if got := expand(t, pack(&z, text, 1<<30)); !bytes.Equal(got, text) {
			t.Errorf("%d bytes before the limit: the text does not read back", before)
		}
	}
}

func TestCloseTwiceAndWithoutReset(t *testing.T) {
	var z Gzip
	_, _ = z.Write([]byte("text"))
	first := string(z.Close())
	if again := string(z.Close()); again != first {
		t.Error("a second Close returns another member")
	}
	if got := expand(t, []byte(first)); string(got) != "text" {
		t.Errorf("got %q, want text", got)
	}
	if got := expand(t, new(Gzip).Close()); len(got) != 0 {
		t.Errorf("got %q, want nothing", got)
	}
}

// Whatever the text, and however it comes, it reads back.
func FuzzGzip(f *testing.F) {
	f.Add([]byte("text"), uint(3), uint(1))
	f.Add(events(4000), uint(1000), uint(40))
	f.Add(noise(100), uint(64), uint(3000))
	var z Gzip
	f.Fuzz(func(t *testing.T, text []byte, part, times uint) {
		text = bytes.Repeat(text, 1+int(times%64))                                          // #nosec G115 -- small
		if got := expand(t, pack(&z, text, 1+int(part%(1<<20)))); !bytes.Equal(got, text) { // #nosec G115 -- small
			t.Errorf("%d bytes do not read back", len(text))
		}
	})
}

func BenchmarkGzip(b *testing.B) {
	text := events(4 << 20)
	var z Gzip
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		size = len(pack(&z, text, 3000))
	}
	b.ReportMetric(float64(len(text))/float64(size), "ratio")
}
