package kafka

import (
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"whole":           {"brokers: [a:9092]\ntopics: [t]\ndecoders: {u: ecs}\ntls: {}\nsasl: {mechanism: plain, username: u, password: p}", ""},
		"no broker":       {"topics: [t]", "brokers"},
		"no port":         {"brokers: [a]\ntopics: [t]", "host:port"},
		"no topic":        {"brokers: [a:1]", "topics"},
		"unknown decoder": {"brokers: [a:1]\ndecoders: {t: xml}", "xml"},
		"no group":        {"brokers: [a:1]\ntopics: [t]\ngroup: \"\"", "group"},
		"unknown start":   {"brokers: [a:1]\ntopics: [t]\nstart: middle", "middle"},
	} {
		t.Run(name, func(t *testing.T) {
			section, err := config.ParseSection("test.yaml", []byte("type: kafka\n"+test.text))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Factory().Decode(section)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want one about %q", err, test.want)
			}
		})
	}
}

func TestOffsetsOfPosition(t *testing.T) {
	got := offsetsOf(event.Position{
		"audit/3": bookmark(1 << 40), "with.dots-and/0": bookmark(0),
		"nonsense": []byte("7"), "audit/x": []byte("7"), "audit/4": []byte("seven"), "audit/5": []byte("-1"),
	})
	want := map[partition]int64{{"audit", 3}: 1 << 40, {"with.dots-and", 0}: 0}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for p, offset := range want {
		if got[p] != offset {
			t.Errorf("%s: got %d, want %d", p, got[p], offset)
		}
	}
}
