package harness

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	elasticsearchVersion = "8.19.21" // as in the poms
	opensearchVersion    = "2.19.1"
)

var (
	//go:embed elasticsearch-pom.xml
	elasticsearchPom []byte
	//go:embed elasticsearch-netty-pom.xml
	elasticsearchNettyPom []byte
	//go:embed elasticsearch-xpack-pom.xml
	elasticsearchXpackPom []byte
	//go:embed elasticsearch-security-pom.xml
	elasticsearchSecurityPom []byte
	//go:embed opensearch-pom.xml
	opensearchPom []byte
)

// Search is a node of Elasticsearch or OpenSearch, on plain HTTP.
type Search struct {
	*Process
	Name     string // and version
	URL      string
	User     string // who may do everything; empty where there is no security
	Password string

	t         testing.TB
	home      string
	class     string
	classpath string
}

// StartElasticsearch starts a node with X-Pack's security, and with those
// settings (YAML lines) beyond what a test needs. It is ready when the call
// returns.
//
// Maven Central has the server, the HTTP transport, X-Pack's core and security.
// It does not have the modules data-streams (a stream works, but cannot be
// looked up), x-pack-ilm, mapper-extras, wildcard and ingest-common. 9 needs
// Java 21.
func StartElasticsearch(t testing.TB, settings ...string) *Search {
	t.Helper()
	name := "elasticsearch-" + elasticsearchVersion
	lib := maven(t, name, elasticsearchPom)
	netty := maven(t, name+"-netty", elasticsearchNettyPom)
	xpack := maven(t, name+"-xpack", elasticsearchXpackPom)
	security := maven(t, name+"-security", elasticsearchSecurityPom)
	standins := compile(t, "Standins", lib)

	s := newSearch(t, "Elasticsearch "+elasticsearchVersion, "Elasticsearch", lib)
	s.User, s.Password = "admin", "correct horse"
	s.module("transport-netty4", "org.elasticsearch.transport.netty4.Netty4Plugin", "", jarsOf(t, netty, lib))
	s.module("x-pack-core", "org.elasticsearch.xpack.core.XPackPlugin", "", jarsOf(t, xpack, lib))
	s.module("x-pack-security", "org.elasticsearch.xpack.security.Security", "x-pack-core", jarsOf(t, security, lib, xpack))
	s.module("standins", "Standins", "", []string{standins})
	s.write("config/users", s.User+":$2a$04$3jYMNthsciEqjF5Bok6Xu.UhFKVVJelYKchpj84KCDGaLffK58hEa\n") // bcrypt of the password
	s.write("config/users_roles", "superuser:"+s.User+"\n")
	s.configure("elasticsearch.yml", append([]string{"xpack.security.enabled: true"}, settings...))
	s.Start()
	return s
}

// StartOpenSearch starts a node without security, with those settings (YAML
// lines) beyond what a test needs. It is ready when the call returns.
func StartOpenSearch(t testing.TB, settings ...string) *Search {
	t.Helper()
	s := newSearch(t, "OpenSearch "+opensearchVersion, "OpenSearch", maven(t, "opensearch-"+opensearchVersion, opensearchPom))
	s.configure("opensearch.yml", append([]string{"http.type: netty4", "transport.type: netty4"}, settings...))
	s.Start()
	return s
}

func newSearch(t testing.TB, name, class, lib string) *Search {
	t.Helper()
	s := &Search{Name: name, t: t, class: class, home: workDir(t, strings.ToLower(class))}
	s.classpath = compile(t, class, lib) + string(os.PathListSeparator) + filepath.Join(lib, "*")
	s.write("config/log4j2.properties", string(log4j))
	t.Cleanup(s.end)
	return s
}

// end kills the node; nothing that it holds is wanted any more.
func (s *Search) end() {
	if s.Process == nil {
		return
	}
	s.Kill()
	if s.t.Failed() {
		s.t.Logf("%s, end of its log:\n%s", s.Name, tail(s.log))
	}
}

func (s *Search) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.home, name)
	must(s.t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(s.t, os.WriteFile(file, []byte(text), 0o600))
}

func (s *Search) configure(file string, settings []string) {
	s.t.Helper()
	p := Ports(s.t, 2)
	s.URL = "http://" + local(p[0])
	s.write("config/"+file, strings.Join(append([]string{
		"cluster.name: shiplog", "node.name: node", "network.host: 127.0.0.1", "discovery.type: single-node",
		fmt.Sprintf("http.port: %d", p[0]), fmt.Sprintf("transport.port: %d", p[1]),
		"cluster.routing.allocation.disk.threshold_enabled: false",
	}, settings...), "\n")+"\n")
}

// module gives an Elasticsearch a module: a directory with jars and a
// descriptor.
func (s *Search) module(name, class, extends string, jars []string) {
	s.t.Helper()
	dir := filepath.Join("modules", name)
	s.write(filepath.Join(dir, "plugin-descriptor.properties"), fmt.Sprintf(
		"description=%[1]s\nname=%[1]s\nclassname=%[2]s\nextended.plugins=%[3]s\nversion=%[4]s\nelasticsearch.version=%[4]s\njava.version=17\nhas.native.controller=false\n",
		name, class, extends, elasticsearchVersion))
	for _, jar := range jars {
		must(s.t, os.Symlink(jar, filepath.Join(s.home, dir, filepath.Base(jar))))
	}
}

// jarsOf lists the jars of a directory that others do not have: a class must
// not be there twice.
func jarsOf(t testing.TB, dir string, others ...string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	must(t, err)
	var own []string
	for _, jar := range all {
		if !inAny(filepath.Base(jar), others) {
			own = append(own, jar)
		}
	}
	return own
}

func inAny(name string, dirs []string) bool {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Start starts the node, on the data that it left if it ran before, and waits
// until it is ready.
func (s *Search) Start() {
	s.t.Helper()
	s.Process = launch(s.t, filepath.Join(s.home, "node.log"), "java",
		"-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true",
		"-Dlog4j.configurationFile="+filepath.Join(s.home, "config/log4j2.properties"),
		"-cp", s.classpath, s.class, s.home)
	ctx, cancel := context.WithTimeout(s.t.Context(), readyTimeout)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		status, answer, err := s.try(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=1s", "")
		if err == nil && status == http.StatusOK {
			return
		}
		select {
		case <-again.C:
		case <-s.Ended():
			s.t.Fatalf("%s has ended: %v\n%s", s.Name, s.err, tail(s.log))
		case <-ctx.Done():
			s.t.Fatalf("%s is not ready: status %d, %v, %s", s.Name, status, err, answer)
		}
	}
}

func (s *Search) try(ctx context.Context, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.User != "" {
		req.SetBasicAuth(s.User, s.Password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// Call does a request as who may do everything, and decodes the answer into
// into unless that is nil. A status that is no success fails the test.
func (s *Search) Call(method, path, body string, into any) {
	s.t.Helper()
	status, answer, err := s.try(s.t.Context(), method, path, body)
	must(s.t, err)
	if status < 200 || status > 299 {
		s.t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	if into != nil {
		must(s.t, json.NewDecoder(bytes.NewReader(answer)).Decode(into))
	}
}
