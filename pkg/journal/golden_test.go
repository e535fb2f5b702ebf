package journal

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

var update = flag.Bool("update", false, "write the golden segment anew: only when the format's version changes")

const goldenSegment = "testdata/v1/00000000000000000001.seg"

// A segment that an earlier version wrote stays readable for ever.
func TestGoldenSegment(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	b, err := os.ReadFile(goldenSegment)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := errors.Join(
		os.Mkdir(filepath.Join(dir, segmentsDir), 0o700),
		os.WriteFile(filepath.Join(dir, segmentsDir, filepath.Base(goldenSegment)), b, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	checkSound(t, dir, 30)
	j := mustOpen(t, dir, Config{}, Deps{})
	if got := readIDs(t, j.Read(1)); !slices.Equal(got, idRange(0, 30)) {
		t.Errorf("read %v", got)
	}
	if p := j.Position("spool"); string(p["file"]) != "30" {
		t.Errorf("position %q", p)
	}
	f, _, err := j.Read(30).TryNext()
	if err != nil {
		t.Fatal(err)
	}
	want := makeEvent(29)
	got := f.Events[0]
	if got.Hash != want.Hash || !got.Occurred.Equal(want.Occurred) || !bytes.Equal(got.Doc, want.Doc) || got.Outcome != want.Outcome {
		t.Errorf("event %+v, want %+v", got, want)
	}
}

// writeGolden makes a segment with a frame of each codec.
func writeGolden(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for i, compression := range []string{"none", "s2", "zstd"} {
		j := mustOpen(t, dir, Config{Compression: compression}, Deps{})
		mustAppend(t, j, i*10, 10)
		if compression == "zstd" {
			if _, err := j.Append(context.Background(), Batch{Source: "bus", Position: event.Position{"0": []byte("7")}}); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, j)
	}
	if err := os.MkdirAll(filepath.Dir(goldenSegment), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenSegment, snap(t, dir)[filepath.Base(goldenSegment)], 0o644); err != nil {
		t.Fatal(err)
	}
}
