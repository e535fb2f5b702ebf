package agent

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/shiplog/shiplog/pkg/config"
)

// Logger makes the agent's own log: JSON, but text where out is a terminal and
// the config does not say otherwise.
func Logger(c config.Logging, out io.Writer) *slog.Logger {
	return LeveledLogger(c, new(slog.LevelVar), out)
}

// LeveledLogger is Logger with a level that can be changed later: give it to
// Options too, and a reload changes it.
func LeveledLogger(c config.Logging, level *slog.LevelVar, out io.Writer) *slog.Logger {
	level.Set(levelOf(c))
	format := c.Format
	if f, ok := out.(*os.File); ok && format == "" && term.IsTerminal(int(f.Fd())) { // #nosec G115 -- a file descriptor
		format = "text"
	}
	options := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.New(slog.NewTextHandler(out, options))
	}
	options.ReplaceAttr = readableDuration
	return slog.New(slog.NewJSONHandler(out, options))
}

// readableDuration writes durations in JSON as text does, 1.5s, not as a count
// of nanoseconds.
func readableDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func levelOf(c config.Logging) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // the config was checked: it is empty
	}
	return level
}
