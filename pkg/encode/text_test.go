package encode_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/catalog"
	"github.com/shiplog/shiplog/pkg/event"
)

// hostile are texts that a careless encoder breaks a line or a field with, and
// what a reader of the line must get.
var hostile = map[string]struct{ in, cef, leef string }{
	"line feed":      {"a\nb", "a\nb", "a b"},
	"both":           {"a\r\nb\rc", "a\nb\nc", "a b c"},
	"pipe":           {"a|b", "a|b", "a|b"},
	"equals":         {"a=b cs1=c", "a=b cs1=c", "a=b cs1=c"},
	"backslash":      {`a\b\\n\=`, `a\b\\n\=`, `a\b\\n\=`},
	"tab":            {"a\tdevTime=1", "a devTime=1", "a devTime=1"},
	"nul":            {"a\x00b\x1b[31m\x7f", "ab[31m", "ab[31m"},
	"line separator": {"a\u2028b\u2029c\u0085d", "a\nb\nc\nd", "a b c d"},
	"direction":      {"user\u202etxt.exe\u2066\u200f", "usertxt.exe", "usertxt.exe"},
	"right to left":  {"שלום مرحبا", "שלום مرحبا", "שלום مرحبا"},
	"blanks":         {"  a  ", "a", "a"},
	"emoji":          {"😀 ok", "😀 ok", "😀 ok"},
	"header":         {"x\nCEF:0|a|b|1|c|d|5|", "x\nCEF:0|a|b|1|c|d|5|", "x CEF:0|a|b|1|c|d|5|"},
}

func nasty(t *testing.T, text string) *event.Event {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := catalog.Lookup("prefect-cloud.api-key.created")
	return eventOf("prefect-cloud.api-key.created", `"message":`+string(quoted)+`,"user":{"name":`+string(quoted)+`}`, entry)
}

func TestCEFSurvivesHostileText(t *testing.T) {
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			line := encoded(t, "cef", nasty(t, tt.in), event.Delivery{})
			header, extension := parseCEF(t, line)
			if len(header) != 7 || header[4] != "prefect-cloud.api-key.created" || header[6] != "5" {
				t.Errorf("header is %q", header)
			}
			for _, key := range []string{"msg", "suser"} {
				if extension[key] != tt.cef {
					t.Errorf("%s is %q, want %q, in %q", key, extension[key], tt.cef, line)
				}
			}
			if extension["externalId"] != "id-1" || extension["cn1"] != "42" {
				t.Errorf("other fields are damaged: %q", extension)
			}
		})
	}
}

func TestLEEFSurvivesHostileText(t *testing.T) {
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			line := encoded(t, "leef", nasty(t, tt.in), event.Delivery{})
			header, attributes := parseLEEF(t, line)
			if len(header) != 6 || header[4] != "prefect-cloud.api-key.created" || header[5] != "x09" {
				t.Errorf("header is %q", header)
			}
			for _, key := range []string{"msg", "usrName"} {
				if attributes[key] != tt.leef {
					t.Errorf("%s is %q, want %q, in %q", key, attributes[key], tt.leef, line)
				}
			}
			if attributes["eventId"] != "id-1" || attributes["sequence"] != "42" {
				t.Errorf("other fields are damaged: %q", attributes)
			}
		})
	}
}

// A hostile action ends up in the header.
func TestHeadersSurviveHostileActions(t *testing.T) {
	const action = "my|own\\event\n=x"
	entry, _ := catalog.Lookup(action)
	header, _ := parseCEF(t, encoded(t, "cef", eventOf(action, "", entry), event.Delivery{}))
	if len(header) != 7 || header[4] != `my|own\event =x` {
		t.Errorf("CEF header is %q", header)
	}
	header, _ = parseLEEF(t, encoded(t, "leef", eventOf(action, "", entry), event.Delivery{}))
	if len(header) != 6 || header[4] != `my own\event =x` {
		t.Errorf("LEEF header is %q", header)
	}
}

// Fields are cut at their limits between characters, and no escape is cut.
func TestTextIsCut(t *testing.T) {
	long := strings.Repeat("ä=", 2000)
	_, extension := parseCEF(t, encoded(t, "cef", nasty(t, long), event.Delivery{}))
	got := extension["msg"]
	if len(got) > 1023 || len(got) < 1020 || !utf8.ValidString(got) || !strings.HasPrefix(long, got) {
		t.Errorf("CEF msg has %d bytes: …%q", len(got), got[max(0, len(got)-10):])
	}
	_, attributes := parseLEEF(t, encoded(t, "leef", nasty(t, long), event.Delivery{}))
	if got := attributes["usrName"]; len(got) > 255 || len(got) < 252 || !strings.HasPrefix(long, got) {
		t.Errorf("LEEF usrName has %d bytes", len(got))
	}
}

func TestSamplesParseBack(t *testing.T) {
	events, _ := samples(t)
	for _, e := range events {
		entry, _ := catalog.Lookup(e.Action)
		header, extension := parseCEF(t, encoded(t, "cef", e, event.Delivery{Number: 9}))
		if header[4] != e.Action || header[5] != entry.Name || extension["externalId"] != e.ID || extension["cn2"] != "9" {
			t.Errorf("CEF of %s: %q %q", e.ID, header, extension)
		}
		for key := range extension {
			if base, isLabel := strings.CutSuffix(key, "Label"); isLabel && extension[base] == "" {
				t.Errorf("CEF of %s: %s without %s", e.ID, key, base)
			}
		}
		header, attributes := parseLEEF(t, encoded(t, "leef", e, event.Delivery{Number: 9}))
		if header[4] != e.Action || attributes["name"] != entry.Name || attributes["eventId"] != e.ID || attributes["delivery"] != "9" {
			t.Errorf("LEEF of %s: %q %q", e.ID, header, attributes)
		}
	}
}

// parseCEF reads a line as the specification says, by itself.
func parseCEF(t *testing.T, line string) (header []string, extension map[string]string) {
	t.Helper()
	oneLine(t, line)
	rest, ok := strings.CutPrefix(line, "CEF:")
	if !ok {
		t.Fatalf("%q does not begin with CEF:", line)
	}
	var field strings.Builder
	for len(header) < 7 && rest != "" {
		switch c := rest[0]; c {
		case '\\':
			field.WriteByte(rest[1])
			rest = rest[2:]
			continue
		case '|':
			header = append(header, field.String())
			field.Reset()
		default:
			field.WriteByte(c)
		}
		rest = rest[1:]
	}
	extension = map[string]string{}
	key, value := "", ""
	for rest != "" {
		switch rest[0] {
		case '\\':
			switch rest[1] {
			case 'n':
				value += "\n"
			case 'r':
				value += "\r"
			default:
				value += rest[1:2]
			}
			rest = rest[2:]
			continue
		case '=':
			// The key is the last word before the sign; what is before it belongs
			// to the value before.
			i := strings.LastIndexByte(value, ' ')
			if key != "" {
				extension[key] = value[:max(i, 0)]
			}
			key, value = value[i+1:], ""
			if _, twice := extension[key]; twice {
				t.Errorf("key %s is there twice", key)
			}
		default:
			value += rest[:1]
		}
		rest = rest[1:]
	}
	extension[key] = value
	return header, extension
}

func parseLEEF(t *testing.T, line string) (header []string, attributes map[string]string) {
	t.Helper()
	oneLine(t, line)
	parts := strings.SplitN(line, "|", 7)
	if len(parts) != 7 || parts[0] != "LEEF:2.0" {
		t.Fatalf("%q is no LEEF 2.0", line)
	}
	attributes = map[string]string{}
	for pair := range strings.SplitSeq(parts[6], "\t") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			t.Errorf("%q is no pair", pair)
		}
		if _, twice := attributes[key]; twice {
			t.Errorf("key %s is there twice", key)
		}
		attributes[key] = value
	}
	return parts[:6], attributes
}

func oneLine(t *testing.T, line string) {
	t.Helper()
	if strings.ContainsAny(line, "\r\n\x00\u2028\u2029\u0085\u202e") || !utf8.ValidString(line) {
		t.Errorf("%q is not one clean line", line)
	}
}
