package elasticsearch

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// DefaultDataStream is where events go if the config names no place.
const DefaultDataStream = "logs-prefect.audit-default"

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	URLs        []string      `yaml:"urls" doc:"Nodes to send to, in turn; one that does not answer is passed over."`
	CloudID     string        `yaml:"cloud_id" doc:"Elastic Cloud's name for the deployment, instead of urls."`
	APIKey      config.Secret `yaml:"api_key" doc:"The encoded form of an API key."`
	Username    string        `yaml:"username" doc:"User for basic authentication."`
	Password    config.Secret `yaml:"password" doc:"Password of username."`
	BearerToken config.Secret `yaml:"bearer_token" doc:"Token of a service account or an identity provider."`
	DataStream  string        `yaml:"data_stream" doc:"Data stream to append to; logs-prefect.audit-default if neither it nor index is given."`
	Index       string        `yaml:"index" doc:"Index to write to instead of a data stream; %{+yyyy.MM.dd} is the event's own date in UTC."`
	Template    bool          `yaml:"template" doc:"Install the index template if it is missing."`
	Pipeline    string        `yaml:"pipeline" doc:"Ingest pipeline to send events through."`

	nodes  []*url.URL
	target target
}

// Factory makes the sinks of type elasticsearch.
func Factory() sinks.Factory {
	return sinks.Define("elasticsearch", defaults, build)
}

func defaults() Config {
	c := Config{Common: sinks.Defaults("ecs"), Template: true}
	c.Compression = "gzip"
	return c
}

// Validate says what is wrong with the values, and settles where to send.
func (c *Config) Validate() error {
	return errors.Join(c.validateNodes(), c.validateAuth(), c.validateTarget(), c.validateEncoding())
}

func (c *Config) validateNodes() error {
	c.nodes = nil
	switch {
	case c.CloudID != "" && len(c.URLs) > 0:
		return config.Problem("cloud_id", "and urls are both given; give one of them")
	case c.CloudID != "":
		u, err := parseCloudID(c.CloudID)
		if err != nil {
			return config.Problem("cloud_id", "%w", err)
		}
		c.nodes = []*url.URL{u}
		return nil
	case len(c.URLs) == 0:
		return config.Problem("urls", "is missing; give the address of at least one node, such as https://es-1:9200, or cloud_id")
	}
	var errs []error
	for i, text := range c.URLs {
		u, err := parseNode(text)
		if err != nil {
			errs = append(errs, config.Problem(fmt.Sprintf("urls[%d]", i), "%w", err))
			continue
		}
		c.nodes = append(c.nodes, u)
	}
	return errors.Join(errs...)
}

func parseNode(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL") // the parser's own text may hold a password
	case u.User != nil:
		return nil, errors.New("must not hold credentials; use api_key, username and password, or bearer_token")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("%q: must look like https://host:9200", text)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q: must end with its path", text)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// parseCloudID reads NAME:BASE64, where the text is HOST[:PORT]$ES[:PORT]$KIBANA.
func parseCloudID(id string) (*url.URL, error) {
	const shape = "must be the deployment's Cloud ID, as its page shows it"
	_, encoded, ok := strings.Cut(id, ":")
	if !ok {
		return nil, errors.New(shape)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New(shape)
	}
	parts := strings.Split(string(text), "$")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return nil, errors.New(shape)
	}
	host, port, _ := strings.Cut(parts[0], ":")
	es, esPort, found := strings.Cut(parts[1], ":")
	if found {
		port = esPort
	}
	if port == "" {
		port = "443"
	}
	return parseNode("https://" + es + "." + host + ":" + port)
}

func (c *Config) validateAuth() error {
	given := make([]string, 0, 3)
	if c.APIKey.Reveal() != "" {
		given = append(given, "api_key")
	}
	if c.Username != "" || c.Password.Reveal() != "" {
		given = append(given, "username and password")
	}
	if c.BearerToken.Reveal() != "" {
		given = append(given, "bearer_token")
	}
	switch {
	case len(given) > 1:
		return config.Problem("", "%s: give one way to authenticate", strings.Join(given, ", "))
	case (c.Username == "") != (c.Password.Reveal() == ""):
		return config.Problem("username", "and password belong together; one is missing")
	default:
		return nil
	}
}

func (c *Config) validateTarget() error {
	if c.DataStream != "" && c.Index != "" {
		return config.Problem("index", "and data_stream are both given; give one of them")
	}
	name, stream := c.Index, false
	if name == "" {
		if c.DataStream == "" {
			c.DataStream = DefaultDataStream
		}
		name, stream = c.DataStream, true
	}
	t, err := parseTarget(name, stream)
	if err != nil && stream {
		return config.Problem("data_stream", "%w", err)
	}
	if err != nil {
		return config.Problem("index", "%w", err)
	}
	c.target = t
	return nil
}

func (c *Config) validateEncoding() error {
	switch {
	case c.Format != "ecs" && c.Format != "ocsf" && c.Format != "cim" && c.Format != "raw":
		return config.Problem("format", "%s is not JSON, which Elasticsearch needs; use ecs", c.Format)
	case c.Compression != "gzip" && c.Compression != "none":
		return config.Problem("compression", "%s: must be gzip or none", c.Compression)
	default:
		return nil
	}
}
