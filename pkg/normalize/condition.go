package normalize

import (
	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/filter"
)

// condition drops what matches, or keeps only what does.
type condition struct {
	filter *filter.Filter
	keep   bool
}

func compileCondition(s config.Section, keep bool) (processor, error) {
	var text string
	if err := s.Decode(&text); err != nil {
		return nil, err
	}
	f, err := filter.Compile(text)
	if err != nil {
		return nil, s.Problem("", "%s", err)
	}
	return &condition{filter: f, keep: keep}, nil
}

func (c *condition) kind() string {
	if c.keep {
		return "keep"
	}
	return "drop"
}

func (c *condition) process(d *draft) (keep bool, err error) {
	d.flush()
	matched, err := c.filter.Match(d.event)
	return matched == c.keep, err
}
