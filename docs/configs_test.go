package docs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/agent"
)

// What a config in a page may leave out, because the page is about another part.
var parts = []struct{ key, text string }{
	{"sources", "sources:\n  some: {type: spool, paths: [/var/spool/audit/*.jsonl]}\n"},
	{"sinks", "sinks:\n  any: {type: stdout}\n"},
}

// Every config that a page shows loads. One that leaves out sources or sinks is
// given some. A YAML block that is no config of the agent says so in a comment
// before it: <!-- not a config: what it is -->.
func TestConfigsInPagesLoad(t *testing.T) {
	found := 0
	for page, text := range pages(t) {
		for _, b := range blocks(page, text) {
			if b.lang != "yaml" || strings.HasPrefix(b.mark, "not a config: ") {
				continue
			}
			found++
			t.Run(page+":"+lineName(b.line), func(t *testing.T) { loads(t, complete(t, placed(b))) })
		}
	}
	if found < 10 {
		t.Errorf("found %d configs: the test looks in the wrong place", found)
	}
}

func TestExampleConfigsLoad(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "configs", "*.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d examples (%v): the test looks in the wrong place", len(files), err)
	}
	index, err := os.ReadFile(filepath.Join(root, "configs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			loads(t, string(text))
			if !strings.Contains(string(index), "("+name+")") {
				t.Errorf("configs/README.md does not list %s", name)
			}
		})
	}
}

// placed puts a block that is indented, as the continuation of a config, below
// what its page is about.
func placed(b block) string {
	if strings.HasPrefix(b.text, " ") {
		return path.Base(path.Dir(b.page)) + ":\n" + b.text // sources or sinks
	}
	return b.text
}

// complete adds what a config needs and the page is not about.
func complete(t *testing.T, text string) string {
	t.Helper()
	var keys map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &keys); err != nil {
		t.Fatalf("not YAML: %v", err)
	}
	for _, p := range parts {
		if _, there := keys[p.key]; !there {
			text += p.text
		}
	}
	return text
}

var (
	variable   = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	secretFile = regexp.MustCompile(`\$\{file:[^}]+\}`)
	pemFile    = regexp.MustCompile(`_file: [/\w.-]+`)
)

// certificate makes a file with a key and its certificate, which can stand for
// any PEM file in a config.
func certificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, &made, &made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	name := filepath.Join(dir, "any.pem")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// loads checks a config whole, with every variable and file that it refers to
// made up.
func loads(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("a secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		t.Setenv(m[1], "0f6e2a3c-0000-4000-8000-000000000001")
	}
	text = secretFile.ReplaceAllLiteralString(text, "${file:"+secret+"}")
	text = pemFile.ReplaceAllStringFunc(text, func(m string) string {
		key, _, _ := strings.Cut(m, ":")
		return key + ": " + certificate(t, dir)
	})
	name := filepath.Join(dir, "shiplog.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := agent.Load(name, agent.Builtin())
	if err != nil {
		t.Fatalf("%v\nof\n%s", err, text)
	}
	for _, w := range plan.File.Warnings() {
		t.Errorf("an example should not warn: %v", w)
	}
}
