package prefectcloud

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sources"
)

// Kind is the source's type in the config.
const Kind = "prefect_cloud"

// cloudURL is what Prefect's own settings call PREFECT_CLOUD_API_URL.
const cloudURL = "https://api.prefect.cloud/api"

// maxWindow is the longest range that Prefect Cloud answers for at once
// (https://docs.prefect.io/v3/concepts/rate-limits).
const maxWindow = 14 * 24 * time.Hour

// Config is what users set.
type Config struct {
	sources.Common `yaml:",inline"`

	APIURL       string        `yaml:"api_url" doc:"Base of the API, as Prefect's profiles have it; it may name the account and a workspace. Empty: PREFECT_API_URL, else Prefect Cloud."`
	AccountID    string        `yaml:"account_id" doc:"The account. Empty: the one in api_url; where that has none, the server is self-hosted."`
	WorkspaceIDs []string      `yaml:"workspace_ids" doc:"Read these workspaces' feeds. Empty: the account's feed, which carries the audit log."`
	APIKey       config.Secret `yaml:"api_key" doc:"Key of a user or service account. Empty: PREFECT_API_KEY."`
	AuthString   config.Secret `yaml:"auth_string" doc:"user:password of a self-hosted server. Empty: PREFECT_API_AUTH_STRING."`

	Mode         string            `yaml:"mode" enum:"poll,stream" doc:"poll: HTTP alone. stream: a websocket beside it, for latency."`
	PollInterval config.Duration   `yaml:"poll_interval" min:"1ms" doc:"How often to ask for what is new."`
	Overlap      config.Duration   `yaml:"overlap" doc:"How far each read goes back for events that arrived late."`
	Sweeps       []config.Duration `yaml:"sweeps" doc:"Past windows are read again this long after, for what arrived later still."`
	Start        string            `yaml:"start" doc:"First run only: a duration back, an RFC 3339 time, beginning or now."`
	Window       config.Duration   `yaml:"window" min:"1s" doc:"The longest range that one query asks for."`

	Events  []string `yaml:"events" doc:"Event names, or prefixes that end in *. Empty: prefect-cloud.* of an account, everything but the noise of runs of a server."`
	Exclude []string `yaml:"exclude" doc:"Event names, or prefixes that end in *, to leave out."`

	RequestsPerMinute int             `yaml:"requests_per_minute" min:"1" doc:"Most requests, of all kinds together. The quota is shared with the account's flows."`
	Timeout           config.Duration `yaml:"timeout" min:"1ms" doc:"Longest time for one request, its answer read."`

	TLS config.TLS `yaml:"tls" doc:"How the connection is secured."`
}

// Factory makes Prefect Cloud sources.
func Factory() sources.Factory { return sources.Define(Kind, defaults, traits, open) }

func defaults() Config {
	return Config{
		Common:            sources.Common{Type: Kind, Decoder: "prefect"},
		Mode:              "stream",
		PollInterval:      config.Duration(30 * time.Second),
		Overlap:           config.Duration(5 * time.Minute),
		Sweeps:            []config.Duration{config.Duration(time.Hour), config.Duration(24 * time.Hour)},
		Start:             "24h",
		Window:            config.Duration(24 * time.Hour),
		RequestsPerMinute: 60,
		Timeout:           config.Duration(time.Minute),
		TLS:               config.TLS{MinVersion: "1.2"},
	}
}

// The figures of our own.
const (
	gaugeBackfillLeft = "backfill_left_seconds"
	gaugeCompleteFrom = "complete_from_timestamp_seconds"
	gaugeProvenFrom   = "proven_from_timestamp_seconds"
	gaugeProven       = "proven_timestamp_seconds"
	gaugeRetention    = "retention_seconds"
	gaugeRetentionEnd = "retention_left_seconds"
	gaugeStream       = "stream_connected"
	gaugeSkew         = "clock_skew_seconds"
)

func traits(c Config) sources.Traits {
	return sources.Traits{
		Window: c.memory(),
		Gauges: []sources.Gauge{
			{Name: gaugeBackfillLeft, Help: "Length of the past that is still to be read."},
			{Name: gaugeCompleteFrom, Help: "Time from which on everything was read, up to source_lag_seconds ago."},
			{Name: gaugeProvenFrom, Help: "Time from which on completeness is proven: by sweeps, or by agent reconcile."},
			{Name: gaugeProven, Help: "Time up to which completeness is proven."},
			{Name: gaugeRetention, Help: "How long the service keeps audit events, by the account's plan."},
			{Name: gaugeRetentionEnd, Help: "Time left until the service deletes events that were not read yet. Alert when it is short: loss is coming."},
			{Name: gaugeStream, Help: "1 while the websocket delivers."},
			{Name: gaugeSkew, Help: "The service's clock minus ours."},
		},
	}
}

// memorySlack is how much of the memory for ids is left unused, since it begins
// anew while a read is under way.
const memorySlack = 30 * time.Minute

// memory is how far back events may be handed over again.
func (c *Config) memory() time.Duration {
	longest := time.Duration(c.Overlap)
	for _, s := range c.Sweeps {
		longest = max(longest, time.Duration(s)+sweepStep(time.Duration(s)))
	}
	return longest + longest/8 + time.Hour
}

// Validate implements sources.Settings.
func (c *Config) Validate() error {
	var errs []error
	t, err := c.target(os.Getenv)
	switch {
	case err != nil:
		errs = append(errs, err)
	case t.account != "" && t.key.IsZero():
		errs = append(errs, config.Warn("api_key", "is missing, and PREFECT_API_KEY is not set; Prefect Cloud lets nobody in without a key"))
	}
	if _, err := parseStart(c.Start, time.Now()); err != nil {
		errs = append(errs, err)
	}
	if time.Duration(c.Window) > maxWindow {
		errs = append(errs, config.Problem("window", "%s is more than the 14 days that Prefect Cloud answers for at once", c.Window))
	}
	for _, s := range c.Sweeps {
		if s <= c.Overlap {
			errs = append(errs, config.Warn("sweeps", "a sweep after %s finds nothing that the overlap of %s does not", s, c.Overlap))
		}
	}
	for i, p := range append(append([]string(nil), c.Events...), c.Exclude...) {
		if name := strings.TrimSuffix(p, "*"); strings.Contains(name, "*") || (name == "" && p == "") {
			field := "events"
			if i >= len(c.Events) {
				field = "exclude"
			}
			errs = append(errs, config.Problem(field, "%q is neither an event's name nor a prefix that ends in *", p))
		}
	}
	if c.RequestsPerMinute <= 0 {
		errs = append(errs, config.Problem("requests_per_minute", "must be above 0"))
	}
	return errors.Join(errs...)
}

// parseStart reads start; beginning is the zero time.
func parseStart(text string, now time.Time) (time.Time, error) {
	switch text {
	case "beginning":
		return time.Time{}, nil
	case "now":
		return now, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, config.Problem("start", "%q is neither a duration such as 24h, nor a time such as 2026-11-02T08:00:00Z, nor beginning, nor now", text)
	}
	return at.UTC(), nil
}
