package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// File is a whole config file, checked as far as this package knows it: the
// sections of sources, sinks and processors are decoded by those who own them.
type File struct {
	Path            string   `yaml:"-"`
	DataDir         string   `yaml:"data_dir" doc:"Directory of the journal, cursors and dead letters. One agent at a time."`
	Sources         Sections `yaml:"sources" doc:"Name to source; at least one."`
	Processors      Section  `yaml:"processors" doc:"In order, on every event, before the journal."`
	Journal         Journal  `yaml:"journal" doc:"The disk buffer."`
	Sinks           Sections `yaml:"sinks" doc:"Name to sink; at least one."`
	Admin           Admin    `yaml:"admin" doc:"Metrics, health, status page and API."`
	Logging         Logging  `yaml:"logging" doc:"The agent's own log, on standard error."`
	ShutdownTimeout Duration `yaml:"shutdown_timeout" doc:"How long sinks may still deliver after a stop was asked for; what is left waits in the journal."`

	root Section
	doc  *document
}

// Journal is the disk buffer.
type Journal struct {
	SegmentSize Size     `yaml:"segment_size" min:"1KiB" doc:"Bytes after which a journal file is sealed and the next begun."`
	MaxSize     Size     `yaml:"max_size" doc:"Bytes of all journal files; 0: no limit."`
	Retain      Duration `yaml:"retain" doc:"How long events are kept for replay and search after every sink has them."`
	WhenFull    string   `yaml:"when_full" enum:"block,drop_oldest" doc:"What gives when max_size is reached: block stops the sources, drop_oldest loses the oldest events, counted, with a gap event."`
	Compression string   `yaml:"compression" enum:"none,s2,zstd" doc:"How journal frames are compressed."`
}

// Admin is the agent's own HTTP listener.
type Admin struct {
	Listen string    `yaml:"listen" doc:"Address of the listener; \"\" turns it off."`
	Token  Secret    `yaml:"token" doc:"Bearer token that every request needs but health checks; required when listen is not loopback."`
	Write  bool      `yaml:"write" doc:"Allow replay, retry, drop and reload over HTTP."`
	TLS    ServerTLS `yaml:"tls" doc:"Certificate of the listener; empty: plain HTTP."`
}

// Logging is the agent's own log.
type Logging struct {
	Level string `yaml:"level" enum:"debug,info,warn,error" doc:"The least severe level that is logged."`

	// Format is empty where the file does not say: json, but text on a terminal.
	Format string `yaml:"format" enum:"json,text" doc:"Empty: json, but text on a terminal."`
}

// Default is a file that says nothing.
func Default() File {
	return File{
		DataDir: "/var/lib/shiplog",
		Journal: Journal{
			SegmentSize: 64 * MiB,
			MaxSize:     10 * GiB,
			Retain:      Duration(72 * time.Hour),
			WhenFull:    "block",
			Compression: "s2",
		},
		Admin:           Admin{Listen: "127.0.0.1:9464"},
		Logging:         Logging{Level: "info"},
		ShutdownTimeout: Duration(25 * time.Second),
	}
}

// maxConfig bounds a config file, in bytes.
const maxConfig = 4 << 20

// Load reads and checks a config file. All mistakes that this package can see
// are returned, as Errors. Together with them it returns the file as far as it
// could be read, so that a caller can also report what is wrong in its
// sections; it is nil only when the file could not be read or is no YAML.
func Load(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("read config %s: larger than 4 MiB", path)
	}
	data, err := os.ReadFile(path) // #nosec G304 -- the user named it
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load for a file's content; name is what errors call it.
func Parse(name string, data []byte) (*File, error) {
	root, broken := parse(name, data)
	f := Default()
	f.Path, f.doc = name, newDocument(name)
	whole := Section{File: name, Node: root, doc: f.doc}
	f.root = whole
	decoded := whole.Decode(&f)
	if len(broken) > 0 {
		return nil, Join(broken, decoded)
	}
	return &f, whole.Check(decoded, f.Validate)
}

// Section returns a top-level part of the file as it was written, such as
// "admin", for its Fingerprint. It is zero where the file does not have it.
func (f *File) Section(name string) Section {
	s, _ := f.root.Fields().Get(name)
	return s
}

// Warnings lists what is allowed but unwise, in the order of the file. Sections
// add theirs when they are decoded.
func (f *File) Warnings() Errors {
	f.doc.mu.Lock()
	defer f.doc.mu.Unlock()
	return append(Errors(nil), f.doc.warnings...).tidy()
}

// Validate says what is wrong with the values of the top-level parts.
func (f *File) Validate() error {
	errs := []error{f.Journal.check(), f.Admin.check()}
	if f.DataDir == "" {
		errs = append(errs, Problem("data_dir", "is empty"))
	}
	if len(f.Sources) == 0 {
		errs = append(errs, Problem("sources", "at least one is needed"))
	}
	if len(f.Sinks) == 0 {
		errs = append(errs, Problem("sinks", "at least one is needed"))
	}
	for _, sink := range f.Sinks {
		if _, both := f.Sources.Get(sink.Name); both {
			errs = append(errs, Warn("sinks."+sink.Name, "a source has this name too; their dead letters are counted together"))
		}
	}
	if n := resolveAlias(f.Processors.Node); !isNull(n) && f.Processors.Items() == nil && kindOf(n) != "a list" {
		errs = append(errs, Problem("processors", "a list is needed here, not %s", kindOf(n)))
	}
	if f.ShutdownTimeout < Duration(time.Second) {
		errs = append(errs, Warn("shutdown_timeout", "%s leaves sinks hardly time to finish a request", f.ShutdownTimeout))
	}
	return errors.Join(errs...)
}

func (j Journal) check() error {
	var errs []error
	if j.SegmentSize < MiB {
		errs = append(errs, Warn("journal.segment_size", "%s makes very many files", j.SegmentSize))
	}
	if j.MaxSize > 0 && j.MaxSize < 2*j.SegmentSize {
		errs = append(errs, Warn("journal.max_size", "%s holds less than two segments of %s, so the journal is often full", j.MaxSize, j.SegmentSize))
	}
	return errors.Join(errs...)
}

func (a Admin) check() error {
	if a.Listen == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return Problem("admin.listen", "%q is not host:port, such as 127.0.0.1:9464", a.Listen)
	}
	if !loopback(host) && a.Token.IsZero() {
		return Problem("admin.token", "is needed because %s can be reached from other machines", a.Listen)
	}
	if a.Write && a.Token.IsZero() {
		return Warn("admin.write", "without admin.token every user of this machine may replay, retry and drop")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
