package encode_test

import (
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
)

func TestRaw(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"plain":       {`{"event":{"original":"{\"a\":\"\\u00e9\"}","id":"1"},"shiplog":{"source":"x"}}`, `{"a":"\u00e9"}`},
		"line breaks": {`{"event":{"original":"{\n\"a\": 1\r\n}"},"shiplog":{"source":"x"}}`, `{ "a": 1  }`},
		"no original": {`{"event":{"id":"1"},"shiplog":{"source":"x"}}`, `{"event":{"id":"1"},"shiplog":{"source":"x","delivery":4}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := encoded(t, "raw", &event.Event{Doc: []byte(tt.doc)}, event.Delivery{Number: 4})
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestNewUnknownFormat(t *testing.T) {
	_, err := encode.New("xml")
	if err == nil || !strings.Contains(err.Error(), "ecs, ocsf, cim, cef, leef, raw") {
		t.Errorf("New(xml) = %v, want an error that names the formats", err)
	}
}

func encoded(t *testing.T, format string, e *event.Event, d event.Delivery) string {
	t.Helper()
	enc, err := encode.New(format)
	if err != nil {
		t.Fatal(err)
	}
	line, err := enc.Append(nil, e, d)
	if err != nil {
		t.Fatalf("Append as %s: %v", format, err)
	}
	return string(line)
}
