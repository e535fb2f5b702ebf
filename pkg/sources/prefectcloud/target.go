package prefectcloud

import (
	"net/url"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/event"
)

// target is the API as it is called.
type target struct {
	base    *url.URL // without a slash at the end; of the API, not of the account
	account string   // empty: self-hosted
	feeds   []feed
	key     config.Secret // a bearer's
	basic   config.Secret // user:password
}

// feed is one list of events.
type feed struct {
	name  string // of its part of the position
	path  string // after the base, up to /events
	scope *event.Scope
}

// target puts together what the config says and, where it says nothing, what
// Prefect's own environment variables say.
func (c *Config) target(env func(string) string) (target, error) {
	text, from := c.APIURL, "api_url"
	if text == "" {
		text, from = env("PREFECT_API_URL"), "PREFECT_API_URL"
	}
	if text == "" {
		text = cloudURL
	}
	base, account, workspace, err := parseURL(text)
	if err != nil {
		return target{}, err
	}
	t := target{base: base, account: account}
	if c.AccountID != "" {
		if account != "" && account != c.AccountID {
			return target{}, config.Problem("account_id", "%q is not the account in %s, %q", c.AccountID, from, account)
		}
		t.account = c.AccountID
	}
	if err := plain("account_id", t.account); err != nil {
		return target{}, err
	}
	if t.account == "" && base.String() == cloudURL {
		return target{}, config.Problem("account_id", "is missing; it is in the address of every page of Prefect Cloud, after /account/")
	}
	t.key, t.basic = c.APIKey, c.AuthString
	if t.key.IsZero() {
		t.key = config.NewSecret(env("PREFECT_API_KEY"))
	}
	if t.basic.IsZero() {
		t.basic = config.NewSecret(env("PREFECT_API_AUTH_STRING"))
	}
	workspaces := c.WorkspaceIDs
	if len(workspaces) == 0 && workspace != "" && c.APIURL != "" {
		workspaces = []string{workspace}
	}
	return t, t.addFeeds(workspaces)
}

// addFeeds lists the feeds to read. A workspace that only PREFECT_API_URL names
// is where the user's flows run, and says nothing about what to audit.
func (t *target) addFeeds(workspaces []string) error {
	switch {
	case t.account == "" && len(workspaces) > 0:
		return config.Problem("workspace_ids", "needs account_id; a self-hosted server has no workspaces")
	case t.account == "":
		t.feeds = []feed{{name: "server"}}
	case len(workspaces) == 0:
		t.feeds = []feed{{name: "account/" + t.account, path: "/accounts/" + t.account, scope: &event.Scope{Account: t.account}}}
	default:
		for _, w := range workspaces {
			if w == "" {
				return config.Problem("workspace_ids", "an empty id")
			}
			if err := plain("workspace_ids", w); err != nil {
				return err
			}
			t.feeds = append(t.feeds, feed{
				name:  "workspace/" + w,
				path:  "/accounts/" + t.account + "/workspaces/" + w,
				scope: &event.Scope{Account: t.account, Workspace: w},
			})
		}
	}
	return nil
}

// plain refuses what would change the path of a URL.
func plain(field, id string) error {
	if strings.ContainsAny(id, "/?#%& ") {
		return config.Problem(field, "%q is not an id", id)
	}
	return nil
}

// parseURL takes an API URL apart: one that ends at /api, one with accounts and
// workspaces as Prefect's profiles have it, or one of the browser's.
func parseURL(text string) (base *url.URL, account, workspace string, err error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, "", "", config.Problem("api_url", "this is not an address such as %s", cloudURL)
	}
	if u.User != nil {
		return nil, "", "", config.Problem("api_url", "leave user and password out of it; auth_string is their place")
	}
	parts := strings.Split(u.Path, "/")
	keep := parts
	for i := 0; i+1 < len(parts); i++ {
		switch parts[i] {
		case "accounts", "account":
			account = parts[i+1]
			keep = parts[:min(i, len(keep))]
		case "workspaces", "workspace":
			workspace = parts[i+1]
		}
	}
	if strings.HasPrefix(u.Host, "app.") && account != "" { // the browser's
		u.Host = "api." + strings.TrimPrefix(u.Host, "app.")
		keep = []string{"", "api"}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(strings.Join(keep, "/"), "/")}, account, workspace, nil
}
