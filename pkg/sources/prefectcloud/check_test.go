package prefectcloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/sources"
	"github.com/shiplog/shiplog/pkg/sources/prefectcloud/cloudtest"
)

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		options cloudtest.Options
		setUp   func(*cloudtest.Server)
		says    []string
		wrong   string
	}{
		"all is well": {
			options: cloudtest.Options{RetentionDays: 30},
			says:    []string{"the key has read:audit_event", "audit events are kept for 30 days", "3 events of the last 24 hours", "the stream works"},
		},
		"no websockets": {options: cloudtest.Options{NoStream: true}, says: []string{"no stream, so events come by polls"}},
		"no permission": {setUp: func(s *cloudtest.Server) { s.Permit(false) }, wrong: "lacks the permission read:audit_event"},
		"a quota that is used up": {
			setUp: func(s *cloudtest.Server) {
				s.Script(func(int, *http.Request) cloudtest.Fault { return cloudtest.TooMany(3000) })
			},
			wrong: "429 Too Many Requests",
		},
		"an expired key": {setUp: func(s *cloudtest.Server) { s.SetKey("another") }, wrong: "the API key is wrong, expired or revoked"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := test.options
			o.Account, o.Key = account, key
			server := cloudtest.Start(t, o)
			server.Add(cloudtest.Events(0, 3, time.Now().Add(-time.Hour), time.Second)...)
			if test.setUp != nil {
				test.setUp(server)
			}
			src, ok := open(t, with(fast(server.Base), "mode: stream"), sources.Deps{}).(sources.Checker)
			if !ok {
				t.Fatal("the source is no Checker")
			}
			var lines []string
			err := src.Check(t.Context(), func(line string) { lines = append(lines, line) })
			said := strings.Join(lines, "\n")
			if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("got error %v, want %q", err, test.wrong)
			}
			for _, want := range test.says {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
			if strings.Contains(said, key) || err != nil && strings.Contains(err.Error(), key) {
				t.Error("it shows the key")
			}
		})
	}
}
