package prefectcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
)

// permission is what reading the account's audit events needs, by the API's
// list of permissions.
const permission = "read:audit_event"

// Check implements sources.Checker.
func (s *source) Check(ctx context.Context, say func(line string)) error {
	c := s.client
	var errs []error
	if c.account == "" {
		say("a self-hosted server at " + c.base.String())
	} else {
		say("account " + c.account + " at " + c.base.String())
		errs = append(errs, c.checkAccess(ctx, say), c.checkPlan(ctx, say))
	}
	readable := true
	for _, f := range c.feeds {
		now := c.now()
		p, err := c.query(ctx, f, s.names.filter(now.Add(-24*time.Hour), now, orderAsc))
		if err != nil {
			readable = false
			errs = append(errs, fmt.Errorf("read the events of %s: %w", f.name, err))
			continue
		}
		say(fmt.Sprintf("%s: %d events of the last 24 hours can be read", f.name, p.total))
	}
	if skew := time.Duration(c.skew.Load()); skew != 0 {
		say(fmt.Sprintf("the service's clock is %s from ours; reads go by the one that is behind", skew.Round(time.Second)))
	}
	if s.cfg.Mode == "stream" && readable {
		s.checkStream(ctx, say)
	}
	return errors.Join(errs...)
}

// checkAccess says which permission or address is not allowed. Whether a service
// account may ask this is not documented: a refusal says nothing.
func (c *client) checkAccess(ctx context.Context, say func(string)) error {
	u := c.base.JoinPath("/me/accounts/", c.account, "/has_permission")
	u.RawQuery = url.Values{"permission": {permission}}.Encode()
	answer, err := c.do(ctx, http.MethodGet, u, nil)
	switch {
	case fault.ReasonOf(err) == "status_401":
		return err
	case err != nil:
		say("whether the key has " + permission + " could not be asked")
	case string(answer) == "false":
		return fmt.Errorf("the key's account role lacks the permission %s: give it to the role, or use a key of a role that has it (Owner, Admin)", permission)
	case string(answer) == "true":
		say("the key has " + permission)
	}
	var access struct {
		Allowed *bool  `json:"allowed"`
		Detail  string `json:"detail"`
	}
	if err := c.get(ctx, "/accounts/"+c.account+"/ip_allowlist/my_access", &access); err == nil && access.Allowed != nil && !*access.Allowed {
		return fmt.Errorf("the account's IP allowlist does not have this machine's address: %s", access.Detail)
	}
	return nil
}

func (c *client) checkPlan(ctx context.Context, say func(string)) error {
	var account struct {
		Plan     string `json:"plan_type"`
		PlanTier string `json:"plan_tier"`
	}
	if err := c.get(ctx, "/accounts/"+c.account, &account); err == nil && account.Plan+account.PlanTier != "" {
		say(fmt.Sprintf("plan %s %s", account.Plan, account.PlanTier))
	}
	p, err := c.plan(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the plan: %w", err)
	case p.retention == 0:
		say("how long audit events are kept could not be asked")
	default:
		say(fmt.Sprintf("audit events are kept for %d days", int(p.retention/(24*time.Hour))))
	}
	return nil
}

// checkStream tries the websocket. One that is blocked costs latency, nothing
// else, and so is no error.
func (s *source) checkStream(ctx context.Context, say func(string)) {
	for _, f := range s.client.feeds {
		conn, err := s.client.subscribe(ctx, f, s.names)
		if err != nil {
			say(fmt.Sprintf("%s: no stream, so events come by polls, every %s: %v", f.name, s.cfg.PollInterval, err))
			continue
		}
		_ = conn.CloseNow()
		say(f.name + ": the stream works")
	}
}
