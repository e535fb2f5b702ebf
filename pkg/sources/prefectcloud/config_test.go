package prefectcloud

import (
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
)

const (
	accountA = "0a0a0a0a-0000-4000-8000-000000000001"
	spaceB   = "0b0b0b0b-0000-4000-8000-000000000002"
)

func TestTarget(t *testing.T) {
	cloud := "https://api.prefect.cloud/api"
	tests := map[string]struct {
		config Config
		env    map[string]string
		base   string
		feeds  string // paths
		header string
		wrong  string
	}{
		"cloud": {
			config: Config{AccountID: accountA, APIKey: config.NewSecret("k")},
			base:   cloud, feeds: "/accounts/" + accountA, header: "Bearer k",
		},
		"workspaces": {
			config: Config{AccountID: accountA, WorkspaceIDs: []string{"w1", "w2"}},
			base:   cloud, feeds: "/accounts/" + accountA + "/workspaces/w1 /accounts/" + accountA + "/workspaces/w2",
		},
		"a profile's address": {
			config: Config{APIURL: cloud + "/accounts/" + accountA + "/workspaces/" + spaceB + "/"},
			base:   cloud, feeds: "/accounts/" + accountA + "/workspaces/" + spaceB,
		},
		"a profile's address in the environment names the account, not what to audit": {
			env:  map[string]string{"PREFECT_API_URL": cloud + "/accounts/" + accountA + "/workspaces/" + spaceB, "PREFECT_API_KEY": "k"},
			base: cloud, feeds: "/accounts/" + accountA, header: "Bearer k",
		},
		"the browser's address": {
			config: Config{APIURL: "https://app.prefect.cloud/account/" + accountA + "/workspace/" + spaceB + "/dashboard"},
			base:   cloud, feeds: "/accounts/" + accountA + "/workspaces/" + spaceB,
		},
		"self-hosted": {
			config: Config{APIURL: "http://127.0.0.1:4200/api/", AuthString: config.NewSecret("a:b")},
			env:    map[string]string{"PREFECT_API_KEY": "k"},
			base:   "http://127.0.0.1:4200/api", feeds: "", header: "Basic YTpi",
		},
		"self-hosted under another path": {
			config: Config{APIURL: "https://flows.example/prefect/api"},
			env:    map[string]string{"PREFECT_API_AUTH_STRING": "a:b"},
			base:   "https://flows.example/prefect/api", feeds: "", header: "Basic YTpi",
		},
		"no account":           {config: Config{}, wrong: "account_id: is missing"},
		"two accounts":         {config: Config{APIURL: cloud + "/accounts/x", AccountID: accountA}, wrong: "account_id: "},
		"workspaces of nobody": {config: Config{APIURL: "http://h/api", WorkspaceIDs: []string{"w"}}, wrong: "workspace_ids: needs account_id"},
		"no address":           {config: Config{APIURL: "api.prefect.cloud"}, wrong: "api_url: "},
		"a password in it":     {config: Config{APIURL: "https://a:hunter2@h/api"}, wrong: "api_url: "},
		"an id with a path":    {config: Config{AccountID: "../me"}, wrong: "account_id: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.config.target(func(name string) string { return test.env[name] })
			if test.wrong != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.wrong) {
					t.Fatalf("got error %v, want %s…", err, test.wrong)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error shows the password: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var paths []string
			for _, f := range got.feeds {
				paths = append(paths, f.path)
			}
			if got.base.String() != test.base || strings.Join(paths, " ") != test.feeds {
				t.Errorf("got %s and %q, want %s and %q", got.base, paths, test.base, test.feeds)
			}
			h := make(map[string][]string)
			(&client{target: got}).authorize(h)
			if test.header != "" && strings.Join(h["Authorization"], "") != test.header {
				t.Errorf("got the header %q, want %q", h["Authorization"], test.header)
			}
		})
	}
}

func TestStart(t *testing.T) {
	now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	tests := map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "30d": now.Add(-30 * 24 * time.Hour), "now": now, "beginning": {},
		"2026-10-01T00:00:00+02:00": time.Date(2026, 9, 30, 22, 0, 0, 0, time.UTC),
	}
	for text, want := range tests {
		if got, err := parseStart(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	if _, err := parseStart("yesterday", now); err == nil || !strings.Contains(err.Error(), "start") {
		t.Errorf("yesterday: got %v, want an error about start", err)
	}
}

// A mix of names and prefixes is sent as more than is wanted, never less, and
// what is too much is sorted out here.
func TestNames(t *testing.T) {
	n := newNames(Config{Events: []string{"prefect-cloud.api-key.*", "prefect-cloud.user.logged-in"}, Exclude: []string{"prefect-cloud.api-key.rotated"}}, true)
	for name, want := range map[string]bool{
		"prefect-cloud.api-key.created": true, "prefect-cloud.user.logged-in": true,
		"prefect-cloud.user.logged-in.twice": false, "prefect-cloud.api-key.rotated": false, "prefect-cloud.team.created": false,
	} {
		if n.want(name) != want {
			t.Errorf("%s: got %v, want %v", name, !want, want)
		}
	}
	f := n.filter(time.Time{}, time.Time{}, orderAsc)
	if f.Event.Name != nil || len(f.Event.Prefix) != 2 || len(f.Event.ExcludeName) != 1 {
		t.Errorf("got %+v, want two prefixes, no names, one excluded name", f.Event)
	}
	if all := newNames(Config{Events: []string{"*"}}, true).filter(time.Time{}, time.Time{}, orderAsc); all.Event != nil {
		t.Errorf("got %+v for *, want no restriction", all.Event)
	}
}

func FuzzDecodePage(f *testing.F) {
	f.Add([]byte(`{"events":[{"id":"a","occurred":"2026-11-02 08:00:00.1+00:00","event":"x"}],"total":1,"next_page":null}`))
	f.Add([]byte(`<html>`))
	f.Add([]byte(`{"events":[null,1,"x"],"total":-1,"next_page":"::"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := decodePage(body)
		if err != nil {
			return
		}
		for _, it := range p.items {
			if len(it.raw) == 0 || !strings.Contains(string(body), string(it.raw)) {
				t.Errorf("%q is not what was sent", it.raw)
			}
		}
	})
}

// A Cloud source without a key is told of before it runs.
func TestMissingKeyIsWarnedOf(t *testing.T) {
	t.Setenv("PREFECT_API_KEY", "")
	c := defaults()
	c.AccountID = accountA
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "api_key") {
		t.Errorf("got %v, want a warning about api_key", err)
	}
	t.Setenv("PREFECT_API_KEY", "pnu_x")
	if err := c.Validate(); err != nil {
		t.Errorf("with a key in the environment: %v", err)
	}
}
