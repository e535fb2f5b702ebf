package splunkhec

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	URL        string          `yaml:"url" doc:"Address of the collector, such as https://splunk:8088; its paths are known."`
	URLs       []string        `yaml:"urls" doc:"Several collectors instead of url, used in turn; one that fails is passed over."`
	Token      config.Secret   `yaml:"token" doc:"Token of the collector's input."`
	Index      string          `yaml:"index" doc:"Index to write to; empty: the token's default."`
	Source     string          `yaml:"source" doc:"Source of the events."`
	Sourcetype string          `yaml:"sourcetype" doc:"Source type, which decides how Splunk reads the events."`
	Host       string          `yaml:"host" doc:"Host of the events; empty: the agent's host name."`
	Ack        bool            `yaml:"ack" doc:"Count an event as delivered only when Splunk says that it is indexed; the token needs indexer acknowledgement."`
	AckTimeout config.Duration `yaml:"ack_timeout" min:"1ms" doc:"How long to wait for that before the batch is sent again."`

	nodes          []*url.URL
	requestTimeout time.Duration // of one request; Timeout is for all of a batch
}

// Factory makes the sinks of type splunk_hec.
func Factory() sinks.Factory {
	return sinks.Define("splunk_hec", defaults, build)
}

func defaults() Config {
	c := Config{
		Common:     sinks.Defaults("cim"),
		Source:     "prefect-cloud",
		Sourcetype: "prefect:audit",
		AckTimeout: config.Duration(5 * time.Minute), // as Splunk advises
	}
	c.Compression = "gzip"
	c.JSON = true
	c.Batch.MaxBytes = 800 * config.KiB // with envelopes below the 1 MB that Splunk Cloud takes
	return c
}

// Validate says what is wrong with the values, and settles how long one batch
// may take.
func (c *Config) Validate() error {
	c.requestTimeout = time.Duration(c.Timeout)
	if c.Ack {
		c.Timeout += c.AckTimeout
	}
	errs := []error{c.validateNodes()}
	if c.Token.Reveal() == "" {
		errs = append(errs, config.Problem("token", "is missing; give the token of the HTTP Event Collector input"))
	}
	if c.Compression != "gzip" && c.Compression != "none" {
		errs = append(errs, config.Problem("compression", "%s: HEC takes gzip or none", c.Compression))
	}
	return errors.Join(errs...)
}

func (c *Config) validateNodes() error {
	texts, field := c.URLs, "urls[%d]"
	switch {
	case c.URL != "" && len(c.URLs) > 0:
		return config.Problem("url", "and urls are both given; give one of them")
	case c.URL != "":
		texts, field = []string{c.URL}, "url"
	case len(texts) == 0:
		return config.Problem("url", "is missing; give the collector's address, such as https://splunk:8088")
	}
	c.nodes = nil
	var errs []error
	for i, text := range texts {
		u, err := parseNode(text)
		if err != nil {
			if len(c.URLs) > 0 {
				field = fmt.Sprintf("urls[%d]", i)
			}
			errs = append(errs, config.Problem(field, "%w", err))
			continue
		}
		c.nodes = append(c.nodes, u)
	}
	return errors.Join(errs...)
}

// parseNode takes the address of a collector with or without HEC's own path.
func parseNode(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL") // the parser's own text may hold a password
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("must be an address alone; the token has its own key")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%q: must look like https://splunk:8088", text)
	}
	path, _, _ := strings.Cut(u.Path, "/services/collector")
	u.Path = strings.TrimSuffix(path, "/")
	return u, nil
}
