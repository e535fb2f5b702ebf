package spool

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sources"
)

// Config is what users set.
type Config struct {
	sources.Common `yaml:",inline"`

	// Paths are globs in the syntax of path/filepath.Match.
	Paths []string `yaml:"paths" doc:"Globs of the files to follow, such as /var/spool/audit/*.jsonl."`

	// Start is where to begin in files that are there at the first run:
	// beginning or end. Files that appear later are read from their beginning.
	Start string `yaml:"start" enum:"beginning,end" doc:"Where to begin in files that are there at the first run. Later ones are read from their beginning."`

	// MaxLine is the length in bytes above which a line becomes a dead letter.
	MaxLine config.Size `yaml:"max_line" doc:"A longer line becomes a dead letter."`

	// Rescan is how often everything is looked at without being told to: for
	// network file systems, which do not notify.
	Rescan config.Duration `yaml:"rescan" doc:"How often everything is looked at without being told to, as network file systems need."`
}

// Factory makes spool sources.
func Factory() sources.Factory {
	return sources.Define("spool", defaults, traits, open)
}

func defaults() Config {
	return Config{
		Common:  sources.Common{Type: "spool", Decoder: "prefect"},
		Start:   "beginning",
		MaxLine: 4 << 20,
		Rescan:  config.Duration(10 * time.Second),
	}
}

func traits(Config) sources.Traits {
	return sources.Traits{Gauges: []sources.Gauge{
		{Name: "files", Help: "Files that are followed."},
		{Name: "files_open", Help: "Files that are open."},
	}}
}

// Validate implements sources.Settings.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Paths) == 0 {
		errs = append(errs, config.Problem("paths", `name at least one file or glob, such as "/var/spool/audit/*.jsonl"`))
	}
	for i, p := range c.Paths {
		field := fmt.Sprintf("paths[%d]", i)
		if p == "" {
			errs = append(errs, config.Problem(field, "is empty"))
		} else if _, err := filepath.Match(p, ""); err != nil {
			errs = append(errs, config.Problem(field, "%q is not a valid glob: %w", p, err))
		}
	}
	if c.MaxLine <= 0 || c.MaxLine > 1<<30 {
		errs = append(errs, config.Problem("max_line", "must be between 1 and 1GiB"))
	}
	if c.Rescan <= 0 {
		errs = append(errs, config.Problem("rescan", "must be above 0"))
	}
	return errors.Join(errs...)
}
