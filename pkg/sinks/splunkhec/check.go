package splunkhec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Check asks every collector for its health, and whether it knows the token,
// the index and acknowledgement. It sends no event: an envelope without one is
// refused in the order in which a collector looks at things, first the token,
// then the channel, then the data.
func (s *Sink) Check(ctx context.Context, say func(line string)) error {
	var errs []error
	for _, n := range s.nodes.all {
		for _, check := range []func(context.Context, Config, func(string)) error{n.checkHealth, n.checkToken, n.checkAck} {
			if err := check(ctx, s.cfg, func(text string) { say(n.url.String() + ": " + text) }); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n.url, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (n *node) checkHealth(ctx context.Context, c Config, say func(string)) error {
	path := healthPath
	if c.Ack {
		path += "?ack=1"
	}
	a, err := n.call(ctx, http.MethodGet, path, nil, nil)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusOK && a.code() == 17:
		say("healthy")
		return nil
	case a.status == http.StatusNotFound:
		return errors.New("there is no collector at this address; check url, and that HTTP Event Collector is enabled")
	default:
		return fmt.Errorf("health: %w", a.fault())
	}
}

// checkToken sends what is no event. Code 12 (event field is required) says
// that the token and the channel were in order. Code 7 says that the index is
// not; that it is shows only with an event, if the collector looks at the event
// first.
func (n *node) checkToken(ctx context.Context, c Config, say func(string)) error {
	probe, err := json.Marshal(map[string]string{"index": c.Index, "sourcetype": c.Sourcetype})
	if err != nil {
		return err
	}
	a, err := n.call(ctx, http.MethodPost, eventPath, nil, probe)
	switch {
	case err != nil:
		return nil //nolint:nilerr // checkHealth said it
	case a.code() != 12:
		return fmt.Errorf("token: %w", a.fault())
	}
	say("the token is known")
	if c.Index == "" {
		say("events go to the token's default index")
	} else {
		say("events go to index " + c.Index + "; whether the token may write there shows with the first event")
	}
	return nil
}

func (n *node) checkAck(ctx context.Context, c Config, say func(string)) error {
	if !c.Ack {
		return nil
	}
	if _, err := n.query(ctx, []int64{0}); err != nil {
		return fmt.Errorf("acknowledgement: %w", err)
	}
	say("acknowledgement works; channel " + n.channel)
	return nil
}
