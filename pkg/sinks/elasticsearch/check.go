package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Check reaches every node, and asks what the credentials may do, whether the
// template, the data stream and the pipeline are there. It changes nothing.
func (s *Sink) Check(ctx context.Context, say func(line string)) error {
	var errs []error
	var reached *cluster
	var about server
	for _, u := range s.cfg.nodes {
		c, srv, err := s.checkNode(ctx, u, say)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", u, err))
			continue
		}
		reached, about = c, srv
	}
	if reached == nil {
		return errors.Join(errs...)
	}
	check := checker{cluster: reached, server: about, cfg: s.cfg, say: say}
	return errors.Join(append(errs, check.template(ctx), check.privileges(ctx), check.stream(ctx), check.pipeline(ctx))...)
}

func (s *Sink) checkNode(ctx context.Context, u *url.URL, say func(string)) (*cluster, server, error) {
	c, err := newCluster([]*url.URL{u}, s.client.Transport, s.deps, s.cluster.authorize)
	if err != nil {
		return nil, server{}, err
	}
	a, err := c.do(ctx, request{method: http.MethodGet, path: "/"}, new(bytes.Buffer))
	switch {
	case err != nil:
		return nil, server{}, err
	case a.status == http.StatusForbidden: // let in, but not told: that is enough to write
		say(fmt.Sprintf("%s: reached; it does not tell its version without the cluster privilege monitor", u))
		return c, server{openSearch: a.product == ""}, nil
	case a.status == http.StatusUnauthorized:
		return nil, server{}, fmt.Errorf("%w; check api_key, username and password, or bearer_token", a.err())
	case a.status != http.StatusOK:
		return nil, server{}, a.err()
	}
	srv, err := parseServer(a.body)
	if err != nil {
		return nil, srv, err
	}
	say(fmt.Sprintf("%s: %s", u, srv))
	return c, srv, nil
}

// checker asks one node that answers.
type checker struct {
	cluster *cluster
	server  server
	cfg     Config
	say     func(string)
	install bool // the template is missing and we are to install it
}

func (c *checker) get(ctx context.Context, path string) (answer, error) {
	return c.cluster.do(ctx, request{method: http.MethodGet, path: path}, new(bytes.Buffer))
}

func (c *checker) template(ctx context.Context) error {
	a, err := c.get(ctx, templatePath(c.cfg.target))
	name := strings.TrimPrefix(templatePath(c.cfg.target), "/_index_template/")
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		c.say("index template " + name + ": present")
	case a.status == http.StatusNotFound && c.cfg.Template:
		c.install = true
		c.say("index template " + name + ": missing; it is installed before the first delivery")
	case a.status == http.StatusNotFound:
		c.say("index template " + name + ": missing, and template is false: another one has to match")
	case a.status == http.StatusForbidden && c.cfg.Template:
		return fmt.Errorf("index template %s: %w", name, lacks(a, "manage_index_templates"))
	case a.status == http.StatusForbidden:
		c.say("index template " + name + ": not allowed to look")
	default:
		return a.err()
	}
	return nil
}

// privileges asks Elasticsearch for each right that is needed. OpenSearch has
// no such question.
func (c *checker) privileges(ctx context.Context) error {
	if c.server.openSearch {
		c.say("privileges: OpenSearch cannot be asked; see the documentation for the role that is needed")
		return nil
	}
	var cluster []string
	if c.install {
		cluster = []string{"monitor", "manage_index_templates"}
		if c.cfg.target.stream && !c.server.serverless {
			cluster = append(cluster, "manage_ilm")
		}
	}
	index := c.cfg.target.name(time.Now())
	question, err := json.Marshal(object{
		"cluster": cluster,
		"index":   []object{{"names": []string{index}, "privileges": []string{"create_doc", "auto_configure"}}},
	})
	if err != nil {
		return err
	}
	a, err := c.cluster.do(ctx, request{method: http.MethodPost, path: "/_security/user/_has_privileges", json: question}, new(bytes.Buffer))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusUnauthorized:
		return fmt.Errorf("privileges: %w", a.err())
	case a.status != http.StatusOK: // no handler for it, or security is off
		c.say("privileges: the server has no security to ask")
		return nil
	}
	return c.missing(a, index)
}

// missing names every privilege that the answer denies.
func (c *checker) missing(a answer, index string) error {
	var has struct {
		Username string                     `json:"username"`
		Cluster  map[string]bool            `json:"cluster"`
		Index    map[string]map[string]bool `json:"index"`
	}
	if err := json.Unmarshal(a.body, &has); err != nil {
		return fmt.Errorf("%s: %w", a.request, err)
	}
	var errs []error
	for _, p := range slices.Sorted(maps.Keys(has.Cluster)) {
		if !has.Cluster[p] {
			errs = append(errs, fmt.Errorf("the cluster privilege %s is missing for %s: grant it, or install the template as an administrator and set template: false", p, has.Username))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(has.Index[index])) {
		if !has.Index[index][p] {
			errs = append(errs, fmt.Errorf("the index privilege %s on %s is missing for %s: grant it", p, c.cfg.target.pattern(), has.Username))
		}
	}
	if len(errs) == 0 {
		c.say("privileges: " + has.Username + " has what is needed")
	}
	return errors.Join(errs...)
}

func (c *checker) stream(ctx context.Context) error {
	if !c.cfg.target.stream {
		return nil
	}
	name := c.cfg.target.name(time.Time{})
	a, err := c.get(ctx, "/_data_stream/"+name)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		c.say("data stream " + name + ": present")
	case a.status == http.StatusNotFound:
		c.say("data stream " + name + ": missing; the first event creates it")
	case a.status == http.StatusForbidden:
		c.say("data stream " + name + ": not allowed to look (view_index_metadata)")
	case unhandled(a):
		return fmt.Errorf("data stream %s: this server has no data streams; use index (%w)", name, a.err())
	default:
		return fmt.Errorf("data stream %s: %w", name, a.err())
	}
	return nil
}

func (c *checker) pipeline(ctx context.Context) error {
	if c.cfg.Pipeline == "" {
		return nil
	}
	a, err := c.get(ctx, "/_ingest/pipeline/"+url.PathEscape(c.cfg.Pipeline))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK:
		c.say("pipeline " + c.cfg.Pipeline + ": present")
	case a.status == http.StatusNotFound:
		return fmt.Errorf("pipeline %s: is not there; create it, or take it out of the config", c.cfg.Pipeline)
	case a.status == http.StatusForbidden:
		c.say("pipeline " + c.cfg.Pipeline + ": not allowed to look (read_pipeline)")
	default:
		return fmt.Errorf("pipeline %s: %w", c.cfg.Pipeline, a.err())
	}
	return nil
}
