package elasticsearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/transport"
)

// installer installs the index template once, before the first events: an
// index that comes into being without it keeps guessed mappings for ever.
type installer struct {
	cluster *cluster
	target  target
	log     *slog.Logger

	turn chan struct{} // holds one token while nobody looks
	done chan struct{} // closed when there is nothing left to do
}

func newInstaller(cfg Config, c *cluster, deps sinks.Deps) installer {
	in := installer{cluster: c, target: cfg.target, log: deps.Log, turn: make(chan struct{}, 1), done: make(chan struct{})}
	in.turn <- struct{}{}
	if !cfg.Template {
		close(in.done)
	}
	return in
}

// ready returns nil once the template is there. Until then each call tries
// again.
func (in *installer) ready(ctx context.Context) error {
	select {
	case <-in.done:
		return nil
	default:
	}
	select {
	case <-in.done:
		return nil
	case <-ctx.Done():
		return transport.Classify(ctx.Err())
	case <-in.turn:
	}
	defer func() { in.turn <- struct{}{} }()
	select {
	case <-in.done: // by the one before us
		return nil
	default:
	}
	if err := in.install(ctx); err != nil {
		return fmt.Errorf("install the index template: %w", err)
	}
	close(in.done)
	return nil
}

func (in *installer) install(ctx context.Context) error {
	state, err := in.installed(ctx)
	if err != nil || state == present {
		return err
	}
	s, err := in.cluster.identify(ctx)
	if err != nil {
		return err
	}
	policied, err := in.putPolicy(ctx, s)
	if err != nil {
		return err
	}
	if err := in.putMappings(ctx, s); err != nil {
		return err
	}
	for _, a := range templates(in.target, s, policied) {
		if err := in.put(ctx, a); err != nil {
			return err
		}
	}
	in.log.Info("index template installed", "template", templatePath(in.target), "server", s.String(), "version", templateVersion)
	return nil
}

// putPolicy makes the lifecycle policy where the server has such a thing, and
// says whether there is one.
func (in *installer) putPolicy(ctx context.Context, s server) (bool, error) {
	if !in.target.stream || s.openSearch || s.serverless {
		return false, nil
	}
	a := policy()
	ans, err := in.cluster.do(ctx, request{method: http.MethodGet, path: a.path}, new(bytes.Buffer))
	switch {
	case err != nil:
		return false, err
	case ans.status == http.StatusOK: // perhaps changed by its owner: left as it is
		return true, nil
	case unhandled(ans):
		return false, nil
	case ans.status == http.StatusForbidden:
		return false, lacks(ans, "read_ilm, or manage_ilm to create the policy,")
	case ans.status != http.StatusNotFound:
		return false, answerFault(ans)
	}
	ans, err = in.send(ctx, a)
	if err == nil && unhandled(ans) {
		in.log.Warn("the server takes no lifecycle policy; the data stream will not roll over by itself", "err", ans.err())
		return false, nil
	}
	return true, putFault(a, ans, err)
}

// unhandled says that a server does not know what it is asked: a distribution
// without the module for it.
func unhandled(a answer) bool {
	return a.status == http.StatusBadRequest || a.status == http.StatusMethodNotAllowed || a.status == http.StatusGone
}

// unknownType finds the type that a server says it does not have.
var unknownType = regexp.MustCompile(`(?:No handler for|The mapper) type \[(\w+)\]`)

// putMappings installs the mappings with the types that the server has.
func (in *installer) putMappings(ctx context.Context, s server) error {
	spare, sub := substitutes(), s.unfit()
	for {
		err := in.put(ctx, mappingsTemplate(sub))
		if err == nil {
			return nil
		}
		found := unknownType.FindStringSubmatch(err.Error())
		if found == nil || spare[found[1]] == "" || sub[found[1]] != "" {
			return err
		}
		sub[found[1]] = spare[found[1]]
	}
}

// presence is what is known of our template on the server.
type presence uint8

const (
	missing presence = iota
	outdated
	present // ours, or one of that name that somebody else looks after
)

func (in *installer) installed(ctx context.Context) (presence, error) {
	a, err := in.cluster.do(ctx, request{method: http.MethodGet, path: templatePath(in.target)}, new(bytes.Buffer))
	switch {
	case err != nil:
		return missing, err
	case a.status == http.StatusNotFound:
		return missing, nil
	case a.status == http.StatusForbidden:
		return missing, lacks(a, "manage_index_templates")
	case a.status != http.StatusOK:
		return missing, answerFault(a)
	}
	var found struct {
		Templates []struct {
			Template struct {
				Meta struct {
					ManagedBy string `json:"managed_by"`
					Version   int    `json:"version"`
				} `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := json.Unmarshal(a.body, &found); err != nil {
		return missing, fault.New(fault.Retry, "bad_answer", fmt.Errorf("%s: %w", a.request, err))
	}
	if len(found.Templates) == 0 {
		return missing, nil
	}
	if m := found.Templates[0].Template.Meta; m.ManagedBy == "shiplog" && m.Version < templateVersion {
		return outdated, nil
	}
	return present, nil
}

func (in *installer) put(ctx context.Context, a asset) error {
	ans, err := in.send(ctx, a)
	return putFault(a, ans, err)
}

func (in *installer) send(ctx context.Context, a asset) (answer, error) {
	body, err := json.Marshal(a.body)
	if err != nil {
		return answer{}, err
	}
	return in.cluster.do(ctx, request{method: http.MethodPut, path: a.path, json: body}, new(bytes.Buffer))
}

// putFault reads the answer to an asset.
func putFault(a asset, ans answer, err error) error {
	switch {
	case err != nil:
		return err
	case ans.status == http.StatusForbidden:
		return lacks(ans, a.privilege)
	case ans.status < 200 || ans.status > 299:
		return answerFault(ans)
	}
	return nil
}

// lacks is the error for a missing cluster privilege.
func lacks(a answer, privilege string) error {
	return fault.New(fault.Setup, "privilege", fmt.Errorf(
		"the cluster privilege %s is missing: grant it, or install the template as an administrator and set template: false (%w)", privilege, a.err()))
}

// answerFault is requestFault for requests that carry no events: there is
// nothing to refuse or to split.
func answerFault(a answer) error {
	err := requestFault(a)
	if k := fault.KindOf(err); k == fault.Refused || k == fault.TooLarge {
		return fault.New(fault.Setup, fault.ReasonOf(err), err)
	}
	return err
}

// identify asks what the server is.
func (c *cluster) identify(ctx context.Context) (server, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: "/"}, new(bytes.Buffer))
	switch {
	case err != nil:
		return server{}, err
	case a.status == http.StatusForbidden:
		return server{}, lacks(a, "monitor")
	case a.status != http.StatusOK:
		return server{}, answerFault(a)
	}
	s, err := parseServer(a.body)
	if err != nil {
		return s, fault.New(fault.Setup, "not_elasticsearch", fmt.Errorf("%s at %s: %w", a.request, a.node, err))
	}
	return s, nil
}

func parseServer(body []byte) (server, error) {
	var about struct {
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
			Flavor       string `json:"build_flavor"`
		} `json:"version"`
	}
	err := json.Unmarshal(body, &about)
	if err != nil || about.Version.Number == "" {
		return server{}, errors.New("the answer is neither Elasticsearch's nor OpenSearch's; check urls, and what stands between")
	}
	v := about.Version
	s := server{number: v.Number, openSearch: v.Distribution == "opensearch", serverless: v.Flavor == "serverless"}
	parts := strings.SplitN(v.Number, ".", 3)
	s.major, _ = strconv.Atoi(parts[0])
	if len(parts) > 1 {
		s.minor, _ = strconv.Atoi(parts[1])
	}
	return s, nil
}
