package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/shiplog/shiplog/pkg/encode"
	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

// convertMaxLine is the longest line that Convert takes, in bytes: the default
// of the spool source.
const convertMaxLine = 4 << 20

// Convert reads records from in, one a line, and writes each as an event in the
// format to on a line of out. from is a decoder. What cannot be converted is
// reported on errOut with its line number and counted in failed; the rest goes
// on. Blank lines are skipped. Memory does not grow with the input.
//
// The error is nil unless from or to is unknown, in cannot be read, out cannot
// be written, or ctx ended.
func Convert(ctx context.Context, in io.Reader, out, errOut io.Writer, from, to string) (failed int, err error) {
	n, err := normalize.New(normalize.Options{Source: "convert", Decoder: from})
	if err != nil {
		return 0, err
	}
	enc, err := encode.New(to)
	if err != nil {
		return 0, err
	}
	c := converter{
		normalizer: n, encoder: enc,
		lines: lineReader{r: bufio.NewReaderSize(in, 64<<10)},
		out:   bufio.NewWriterSize(out, 64<<10), errOut: errOut,
	}
	err = c.run(ctx)
	if flushed := c.out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write events: %w", flushed)
	}
	return c.failed, err
}

// A converter is one call of Convert.
type converter struct {
	normalizer *normalize.Normalizer
	encoder    encode.Encoder
	lines      lineReader
	out        *bufio.Writer
	errOut     io.Writer
	failed     int

	doc, line []byte // memory of the last event
}

func (c *converter) run(ctx context.Context) error {
	for ctx.Err() == nil {
		record, err := c.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLongLine):
			c.fail(err)
			continue
		case err != nil:
			return fmt.Errorf("read line %d: %w", c.lines.number, err)
		}
		if err := c.convert(record); err != nil {
			return err
		}
		if c.lines.r.Buffered() == 0 { // whoever writes to in may be waiting for an answer
			if err := c.out.Flush(); err != nil {
				return fmt.Errorf("write events: %w", err)
			}
		}
	}
	return ctx.Err()
}

// convert converts one record. Its error means that out cannot be written.
func (c *converter) convert(raw []byte) error {
	record := event.Record{Raw: raw, Origin: event.Origin{Name: "stdin", Offset: -1}}
	e, grown, verdict, reason, err := c.normalizer.Normalize(&record, time.Now(), c.doc[:0])
	c.doc = grown
	switch verdict {
	case normalize.Drop:
		return nil
	case normalize.Invalid:
		c.fail(fmt.Errorf("%s: %w", reason, err))
		return nil
	case normalize.Keep:
	}
	line, err := c.encoder.Append(c.line[:0], &e, event.Delivery{})
	if err != nil {
		c.fail(err)
		return nil
	}
	c.line = append(line, '\n')
	if _, err := c.out.Write(c.line); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// fail reports a line. Where even that fails, the count still says it.
func (c *converter) fail(err error) {
	c.failed++
	_, _ = fmt.Fprintf(c.errOut, "line %d: %v\n", c.lines.number, err)
}

var errLongLine = fmt.Errorf("the line is longer than %d MiB", convertMaxLine>>20)

// A lineReader reads lines in bounded memory.
type lineReader struct {
	r      *bufio.Reader
	number int // of the last line, from 1
	long   []byte
}

// next gives the next line without its end; it is good until the next call. A
// line that is too long is passed over and gives errLongLine.
func (l *lineReader) next() ([]byte, error) {
	part, err := l.r.ReadSlice('\n')
	if len(part) == 0 && err != nil {
		return nil, err
	}
	l.number++
	if !errors.Is(err, bufio.ErrBufferFull) {
		return trimEnd(part), ignoreEOF(err)
	}
	l.long = l.long[:0]
	tooLong := false
	for {
		if tooLong = tooLong || len(l.long)+len(part) > convertMaxLine; !tooLong {
			l.long = append(l.long, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		part, err = l.r.ReadSlice('\n')
	}
	if err = ignoreEOF(err); err == nil && tooLong {
		err = errLongLine
	}
	return trimEnd(l.long), err
}

// ignoreEOF lets the last line be one that has no end.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
