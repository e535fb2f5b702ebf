package file

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shiplog/shiplog/pkg/config"
	"github.com/shiplog/shiplog/pkg/sinks"
	"github.com/shiplog/shiplog/pkg/sinks/datepath"
)

// Config is what users set.
type Config struct {
	sinks.Common `yaml:",inline"`

	// Path is where events go. %{+yyyy-MM-dd} in it is filled in from each
	// event's own time. A name that ends in .gz or .zst is compressed.
	Path string `yaml:"path" doc:"File to append to; %{+yyyy-MM-dd} is the event's own date in UTC. A name that ends in .gz or .zst is compressed."`

	// Mode is the permission of new files, in octal. Their directories are made
	// with the same, and with the right to enter where there is one to read.
	Mode string `yaml:"mode" doc:"Permission of new files, in octal."`

	// Rotate renames a file when it has become large or old.
	Rotate Rotate `yaml:"rotate"`
}

// Rotate says when a file is put aside under a name with the time in it, and
// how many of those are kept. A zero value means never, and all.
type Rotate struct {
	MaxSize config.Size     `yaml:"max_size" doc:"Bytes after which a file is put aside; 0: never."`
	MaxAge  config.Duration `yaml:"max_age" doc:"Age after which a file is put aside; 0: never."`
	Keep    int             `yaml:"keep" doc:"How many files that were put aside are kept; 0: all."`
}

// Factory makes file sinks.
func Factory() sinks.Factory { return sinks.Define("file", defaults, open) }

func defaults() Config {
	c := Config{Common: sinks.Defaults("ecs"), Mode: "0600"}
	c.Type = "file"
	c.Concurrency = 1
	return c
}

// Validate implements sinks.Settings. Concurrency is always 1: lines stay in
// the order of the journal.
func (c *Config) Validate() error {
	var errs []error
	c.Concurrency = 1
	if c.Path == "" {
		errs = append(errs, config.Problem("path", "say which file to write, such as /var/log/shiplog/audit-%%{+yyyy-MM-dd}.jsonl"))
	} else if _, err := datepath.Parse(c.Path); err != nil {
		errs = append(errs, config.Problem("path", "%w", err))
	}
	if _, err := c.mode(); err != nil {
		errs = append(errs, err)
	}
	if c.Rotate.MaxSize < 0 || c.Rotate.MaxAge < 0 || c.Rotate.Keep < 0 {
		errs = append(errs, config.Problem("rotate", "max_size, max_age and keep must not be negative"))
	}
	if c.Rotate.Keep > 0 && c.Rotate.MaxSize == 0 && c.Rotate.MaxAge == 0 {
		errs = append(errs, config.Problem("rotate.keep", "needs max_size or max_age: nothing is ever put aside without"))
	}
	if c.Compression != "" && c.Compression != "none" && c.Compression != packingOf(c.Path).String() {
		errs = append(errs, config.Problem("compression", "the path's ending decides here (.gz, .zst); %s does not fit %s", c.Compression, filepath.Base(c.Path)))
	}
	return errors.Join(errs...)
}

func (c *Config) mode() (fs.FileMode, error) {
	n, err := strconv.ParseUint(c.Mode, 8, 32)
	if err != nil || n > 0o777 || n&0o200 == 0 {
		return 0, config.Problem("mode", `%q is not a permission in octal that lets us write, such as "0640"`, c.Mode)
	}
	return fs.FileMode(n), nil
}

// dirMode lets everyone who may read a file enter its directory.
func dirMode(mode fs.FileMode) fs.FileMode { return mode | mode&0o444>>2 | 0o700 }

// packing is how a file is compressed.
type packing uint8

const (
	plain packing = iota
	packedGzip
	packedZstd
)

func packingOf(path string) packing {
	switch {
	case strings.HasSuffix(path, ".gz"):
		return packedGzip
	case strings.HasSuffix(path, ".zst"), strings.HasSuffix(path, ".zstd"):
		return packedZstd
	default:
		return plain
	}
}

func (p packing) String() string { return [...]string{"none", "gzip", "zstd"}[p] }
