package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

// common stands for what all kinds share.
type common struct {
	Type  string `yaml:"type" doc:"Kind of the thing."`
	Batch limits `yaml:"batch" doc:"When a batch is full."`
}

type limits struct {
	MaxEvents int             `yaml:"max_events" min:"1" max:"5000" doc:"Events at most."`
	Linger    config.Duration `yaml:"linger" doc:"How long one waits."`
}

// thing stands for a kind's own config.
type thing struct {
	common   `yaml:",inline"`
	URLs     []string          `yaml:"urls" doc:"Where to send to | at least one."`
	Mode     string            `yaml:"mode" enum:"poll,stream" doc:"How to read."`
	Password config.Secret     `yaml:"password" doc:"What to log in with."`
	Labels   map[string]string `yaml:"labels"`
	TLS      *config.TLS       `yaml:"tls"`
	Ratio    float64           `yaml:"ratio"`
	Big      uint8             `yaml:"big"`
	On       bool              `yaml:"on"`
	MaxLine  config.Size       `yaml:"max_line"`
	Any      any               `yaml:"any"`
	Sweeps   []config.Duration `yaml:"sweeps" min:"1s"`
	Hosts    []host            `yaml:"hosts"`
}

type host struct {
	Name string `yaml:"name" doc:"Name of the host."`
	Port int    `yaml:"port" min:"1" max:"65535"`
}

func defaults() thing {
	return thing{
		common:  common{Batch: limits{MaxEvents: 1000, Linger: config.Duration(time.Second)}},
		Mode:    "stream",
		MaxLine: 4 << 20,
		Sweeps:  []config.Duration{config.Duration(time.Hour), config.Duration(24 * time.Hour)},
	}
}

func (c *thing) Validate() error {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, config.Problem("urls", "at least one is needed"))
	}
	if c.Batch.MaxEvents > 2000 {
		errs = append(errs, config.Warn("batch.max_events", "is a lot"))
	}
	for i, u := range c.URLs {
		if !strings.HasPrefix(u, "http") {
			errs = append(errs, config.Problem(fmt.Sprintf("urls[%d]", i), "begins with http:// or https://"))
		}
	}
	return errors.Join(errs...)
}

func section(t *testing.T, text string) config.Section {
	t.Helper()
	s, err := config.ParseSection("sink.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(s config.Section) (thing, error) {
	c := defaults()
	return c, s.Check(s.Decode(&c), c.Validate)
}

func TestDecodeGoesOverDefaults(t *testing.T) {
	t.Setenv("SHIPLOG_TEST_N", "17")
	t.Setenv("SHIPLOG_TEST_EMPTY", "")
	s := section(t, `
type: thing
batch: {max_events: "${SHIPLOG_TEST_N}"}
urls: ["http://${SHIPLOG_TEST_HOST:-localhost}:9200", 'http://$$x$y']
password: ${SHIPLOG_TEST_EMPTY:-s3cret}${SHIPLOG_TEST_N}
labels: {environment: prod, n: 5}
tls: {server_name: es}
ratio: 0.5
big: 0xff
on: yes
max_line: 1KiB
any: {a: [1, true, x, 2026-01-02, "${SHIPLOG_TEST_N}"]}
sweeps: [1d12h]
mode:
`)
	c := defaults()
	if err := s.Decode(&c); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name      string
		got, want any
	}{
		{"inline", c.Type, "thing"},
		{"number from a variable", c.Batch.MaxEvents, 17},
		{"default beside it", c.Batch.Linger, config.Duration(time.Second)},
		{"default of a variable", c.URLs[0], "http://localhost:9200"},
		{"dollar signs", c.URLs[1], "http://$x$y"},
		{"secret", c.Password.Reveal(), "s3cret17"},
		{"map", fmt.Sprint(c.Labels), "map[environment:prod n:5]"},
		{"pointer", c.TLS.ServerName, "es"},
		{"float", c.Ratio, 0.5},
		{"hexadecimal", c.Big, uint8(255)},
		{"yes", c.On, true},
		{"size", c.MaxLine, config.Size(1024)},
		{"anything", fmt.Sprintf("%#v", c.Any), `map[string]interface {}{"a":[]interface {}{1, true, "x", "2026-01-02", "17"}}`},
		{"list replaces", fmt.Sprint(c.Sweeps), "[36h]"},
		{"nothing keeps the default", c.Mode, "stream"},
	} {
		if x.got != x.want {
			t.Errorf("%s: got %v, want %v", x.name, x.got, x.want)
		}
	}
}

func TestCheckTellsEverythingAtOnce(t *testing.T) {
	_, err := check(section(t, `
batch:
  max_events: 0
  liner: 5s
max_events: 5
urls:
  - ftp://x
  - [nested]
mode: streaming
big: 256
ratio: .nan
hosts:
  - {name: a, port: 70000}
  - {nam: b}
tls: {ca_file: /no/such/file, min_version: "1.1"}
sweeps: [1h, 1ms]
on: 1
`))
	want := `sink.yaml:3:15: batch.max_events: 0 is too small; at least 1
sink.yaml:4:3: batch.liner: unknown field; did you mean "linger"?
sink.yaml:5:1: max_events: unknown field; did you mean "batch.max_events"?
sink.yaml:7:5: urls[0]: begins with http:// or https://
sink.yaml:8:5: urls[1]: a single value is needed here, not a list
sink.yaml:9:7: mode: "streaming" is none of poll, stream; did you mean "stream"?
sink.yaml:10:6: big: a whole number of at least 0 is needed here, not "256"
sink.yaml:11:8: ratio: a number is needed here, not ".nan"
sink.yaml:13:21: hosts[0].port: 70000 is too large; at most 65535
sink.yaml:14:6: hosts[1].nam: unknown field; did you mean "name"?
sink.yaml:15:44: tls.min_version: "1.1" is none of 1.2, 1.3; did you mean "1.2"?
sink.yaml:16:14: sweeps[1]: 1ms is too small; at least 1s
sink.yaml:17:5: on: true or false is needed here, not "1"`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCheckPointsAtTheField(t *testing.T) {
	for _, tt := range []struct{ name, yaml, want string }{
		{"a field that is missing: its section", "type: x\n", "sink.yaml:1:1: urls: at least one is needed"},
		{"an element", "urls: [http://a, b]\n", "sink.yaml:1:18: urls[1]: begins with http:// or https://"},
		{"a misspelt field is not also missing", "url: [http://a]\n", `sink.yaml:1:1: url: unknown field; did you mean "urls"?`},
		{"a field of the wrong type is not also missing", "urls: http://a\n", "sink.yaml:1:7: urls: a list, such as [a, b], is needed here, not a text"},
		{"a nested type validates itself", "urls: [http://a]\ntls: {cert_file: testdata/bad/text.yaml}\n", "sink.yaml:2:1: tls.key_file: is missing; cert_file needs its key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := check(section(t, tt.yaml))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestPick(t *testing.T) {
	known := []string{"elasticsearch", "kafka"}
	for _, tt := range []struct{ yaml, want string }{
		{"type: elastic", `sink.yaml:1:7: type: "elastic" is none of elasticsearch, kafka; did you mean "elasticsearch"?`},
		{"url: x", "sink.yaml:1:1: type: is missing; write one of elasticsearch, kafka"},
		{"type: [a]", "sink.yaml:1:7: type: a single value is needed here, not a list"},
	} {
		if _, err := section(t, tt.yaml).Pick("type", known); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.yaml, err, tt.want)
		}
	}
	if kind, err := section(t, "type: kafka").Pick("type", known); err != nil || kind != "kafka" {
		t.Errorf("got %q, %v", kind, err)
	}
}

func TestAliasesAndMerges(t *testing.T) {
	f := parse(t, `
sources: {s: {}}
sinks:
  a: &base
    type: thing
    urls: [http://a]
    batch: {max_events: 5}
  b:
    <<: *base
    batch: {max_events: 6}
`)
	b, _ := f.Sinks.Get("b")
	c, err := check(b)
	if err != nil || c.Batch.MaxEvents != 6 || c.URLs[0] != "http://a" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// An alias bomb costs an error, not the memory.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s*l%d]\n", i, i, strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 9), i-1)
	}
	var m map[string]any
	err := section(t, b.String()).Decode(&m)
	if err == nil || !strings.Contains(err.Error(), "unfolds to too much") {
		t.Errorf("got %v", err)
	}
}

func TestAliasWithinItself(t *testing.T) {
	var m map[string]any
	s := section(t, "a: &a {x: *a}\n")
	err := s.Decode(&m)
	if err == nil || !strings.Contains(err.Error(), "unfolds to too much") {
		t.Errorf("got %v", err)
	}
	_ = s.Fingerprint() // ends
}

func TestFingerprint(t *testing.T) {
	t.Setenv("SHIPLOG_TEST_A", "1")
	of := func(text string) string { return section(t, text).Fingerprint() }
	base := of("{type: x, urls: [a], n: \"${SHIPLOG_TEST_A:-0}x\"}")
	for name, text := range map[string]string{
		"comments and order": "# note\nurls:\n  - a\nn: 1x\ntype: x\n",
		"quotes":             `{"type": "x", urls: ['a'], n: "1x"}`,
	} {
		if of(text) != base {
			t.Errorf("%s change it", name)
		}
	}
	for name, text := range map[string]string{
		"a value":  "{type: x, urls: [b], n: 1x}",
		"a field":  "{type: x, urls: [a], n: 1x, m: 2}",
		"nesting":  "{type: x, urls: [[a]], n: 1x}",
		"elements": "{type: x, urls: [a, a], n: 1x}",
	} {
		if of(text) == base {
			t.Errorf("%s does not change it", name)
		}
	}
	t.Setenv("SHIPLOG_TEST_A", "2")
	if of("{type: x, urls: [a], n: \"${SHIPLOG_TEST_A:-0}x\"}") == base {
		t.Error("a variable does not change it")
	}
	if (config.Section{}).Fingerprint() != "" {
		t.Error("no section has a fingerprint")
	}
}

func TestRedacted(t *testing.T) {
	t.Setenv("SHIPLOG_TEST_PASSWORD", "hunter2")
	f := parse(t, `
data_dir: /data
sources: {s: {type: other, api_key: hunter2, path: "${SHIPLOG_TEST_PASSWORD}"}}
processors:
  - redact: {fields: [user.email], key: hunter2}
sinks:
  a: {type: thing, urls: ["https://me:${SHIPLOG_TEST_PASSWORD}@es:9200/x"], password: hunter2}
admin: {token: hunter2}
`)
	a, _ := f.Sinks.Get("a")
	if _, err := check(a); err != nil {
		t.Fatal(err)
	}
	got := string(f.Redacted())
	if strings.Contains(got, "hunter2") {
		t.Errorf("it shows a secret:\n%s", got)
	}
	golden(t, "redacted.yaml", got)
}
