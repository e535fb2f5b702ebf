package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file in testdata, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// Every bad file says exactly what its .txt has.
func TestBadFiles(t *testing.T) {
	t.Setenv("SHIPLOG_TEST_WORD", "hunter2")
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(name+".yaml", data)
			if _, ok := errors.AsType[config.Errors](err); !ok {
				t.Fatalf("got %v, want Errors", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows what a variable holds: %v", err)
			}
			golden(t, "bad/"+name+".txt", err.Error()+"\n")
		})
	}
}

const smallest = "sources: {a: {}}\nsinks: {b: {}}\n"

func parse(t *testing.T, text string) *config.File {
	t.Helper()
	f, err := config.Parse("shiplog.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	f := parse(t, smallest)
	want := config.Journal{SegmentSize: 64 << 20, MaxSize: 10 << 30, Retain: config.Duration(72 * time.Hour), WhenFull: "block", Compression: "s2"}
	if f.Journal != want {
		t.Errorf("journal: got %+v, want %+v", f.Journal, want)
	}
	if f.DataDir != "/var/lib/shiplog" || f.Admin.Listen != "127.0.0.1:9464" || f.Admin.Write || !f.Admin.Token.IsZero() {
		t.Errorf("got data_dir %q, admin %+v", f.DataDir, f.Admin)
	}
	if f.Logging.Level != "info" || f.Logging.Format != "" || f.ShutdownTimeout != config.Duration(25*time.Second) {
		t.Errorf("got logging %+v, shutdown_timeout %s", f.Logging, f.ShutdownTimeout)
	}
	if w := f.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %v", w)
	}
}

func TestWholeContractLoads(t *testing.T) {
	for _, name := range []string{"PREFECT_ACCOUNT_ID", "PREFECT_API_KEY", "KAFKA_PASSWORD"} {
		t.Setenv(name, "x")
	}
	f, err := config.Load("testdata/design.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sources) != 3 || len(f.Sinks) != 2 || len(f.Warnings()) != 0 {
		t.Errorf("got %d sources, %d sinks, warnings %v", len(f.Sources), len(f.Sinks), f.Warnings())
	}
	var got []string
	for _, p := range f.Processors.Items() {
		for _, field := range p.Fields() {
			got = append(got, field.Path)
		}
	}
	if want := "processors[0].drop processors[1].redact processors[2].set"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if f.Section("admin").IsZero() || !f.Section("nothing").IsZero() {
		t.Error("top-level sections cannot be told apart")
	}
}

func TestSectionsKeepTheirOrder(t *testing.T) {
	f := parse(t, "sources: {z: {}, a: {}, m: {}}\nsinks: {b: {}}\n")
	var names []string
	for _, s := range f.Sources {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "z a m" {
		t.Errorf("got %s, want z a m", got)
	}
}

// Small values are for tests: they warn and do no more.
func TestSmallValuesWarn(t *testing.T) {
	f := parse(t, smallest+"journal: {segment_size: 4KiB, max_size: 4KiB}\nshutdown_timeout: 1ms\nadmin: {write: true}\n")
	var got []string
	for _, w := range f.Warnings() {
		got = append(got, w.Path)
	}
	want := "journal.segment_size journal.max_size shutdown_timeout admin.write"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestAdminTurnedOffNeedsNoToken(t *testing.T) {
	if f := parse(t, smallest+`admin: {listen: ""}`); f.Admin.Listen != "" {
		t.Errorf("got %q, want it off", f.Admin.Listen)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shiplog.yaml")
	if _, err := config.Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
	if err := os.WriteFile(path, []byte(smallest+"bogus: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path)
	if want := path + ":3:1: bogus: unknown field"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if f == nil || len(f.Sources) != 1 {
		t.Error("the sections are not there to be checked as well")
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(smallest))
	f.Add([]byte("a: &a [x]\nb: &b [*a, *a]\nsources: {s: {<<: *b}}\nsinks: {s: {l: [*b, *b]}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := config.Parse("fuzz.yaml", data)
		if file == nil {
			if err == nil {
				t.Fatal("neither a file nor an error")
			}
			return
		}
		_ = file.Redacted()
		for _, s := range append(file.Sources, file.Sinks...) {
			var any map[string]any
			_ = s.Decode(&any)
			_, _ = s.Pick("type", []string{"spool"})
			_ = s.Fingerprint()
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	for _, name := range []string{"PREFECT_ACCOUNT_ID", "PREFECT_API_KEY", "KAFKA_PASSWORD"} {
		b.Setenv(name, "x")
	}
	for b.Loop() {
		if _, err := config.Load("testdata/design.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}
