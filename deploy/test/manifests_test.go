package deploy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// objects are rendered manifests, each decoded strictly: a field that Kubernetes
// does not have, or has twice, fails.
type objects []runtime.Object

func decode(t *testing.T, manifests []byte) objects {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, networking.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all objects
	for docs := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(manifests))); ; {
		doc := make([]byte, len(manifests)+1)
		n, err := docs.Read(doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(doc[:n], "-\n ")) == 0 {
			continue // a template that made nothing
		}
		o, _, err := decoder.Decode(doc[:n], nil, nil)
		if err != nil {
			t.Errorf("%v\nof\n%s", err, doc[:n])
			continue
		}
		all = append(all, o)
	}
}

// one gives the only object of a kind.
func one[T runtime.Object](t *testing.T, all objects) T {
	t.Helper()
	found := each[T](all)
	if len(found) != 1 {
		t.Fatalf("%d objects of %T, want 1", len(found), *new(T))
	}
	return found[0]
}

func each[T runtime.Object](all objects) []T {
	var found []T
	for _, o := range all {
		if is, ok := o.(T); ok {
			found = append(found, is)
		}
	}
	return found
}

// restricted holds a pod to the "restricted" Pod Security Standard and to what
// we promise beside it.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func restricted(t *testing.T, pod core.PodSpec, c core.Container) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || pod.SecurityContext == nil {
		t.Fatal("no security context")
	}
	want := map[string]bool{
		"runAsNonRoot":             s.RunAsNonRoot != nil && *s.RunAsNonRoot,
		"not root":                 s.RunAsUser != nil && *s.RunAsUser > 0,
		"no escalation":            s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation,
		"not privileged":           s.Privileged != nil && !*s.Privileged,
		"read-only root":           s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem,
		"no capabilities":          s.Capabilities != nil && len(s.Capabilities.Drop) == 1 && s.Capabilities.Drop[0] == "ALL" && len(s.Capabilities.Add) == 0,
		"seccomp":                  s.SeccompProfile != nil && s.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"no host namespaces":       !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
		"no service account token": pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"memory limit":             !c.Resources.Limits.Memory().IsZero(),
	}
	for what, holds := range want {
		if !holds {
			t.Errorf("not held: %s", what)
		}
	}
	for _, p := range []*core.Probe{c.StartupProbe, c.LivenessProbe} {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != "/healthz" || p.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("start or liveness is not probed by /healthz: %v", p)
		}
	}
	if p := c.ReadinessProbe; p == nil || p.HTTPGet == nil || p.HTTPGet.Path != "/readyz" {
		t.Errorf("readiness is not probed by /readyz: %v", p)
	}
	mountsExist(t, pod, c)
}

// mountsExist wants a volume for each mount; claims are named by the caller.
func mountsExist(t *testing.T, pod core.PodSpec, c core.Container, claims ...string) {
	t.Helper()
	volumes := map[string]bool{"data": true} // of a claim template, where it is none of the pod's
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, name := range claims {
		volumes[name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("there is no volume %s, which is mounted at %s", m.Name, m.MountPath)
		}
	}
}

// selects wants a pod's labels to have what a selector asks for.
func selects(t *testing.T, who string, selector meta.LabelSelector, labels map[string]string) {
	t.Helper()
	if len(selector.MatchLabels) == 0 {
		t.Errorf("%s selects every pod", who)
	}
	for k, v := range selector.MatchLabels {
		if labels[k] != v {
			t.Errorf("%s selects %s=%s, the pod has %q", who, k, v, labels[k])
		}
	}
}

// agentBinary builds the agent once for all tests.
var agentBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "shiplog-deploy")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "agent")
	build := exec.Command("go", "build", "-o", name, "./cmd/agent")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return name, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if name, err := agentBinary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(name))
	}
	os.Exit(code)
}

// configLoads has the agent check the config of a rendered ConfigMap. The files
// of its secrets are made up.
func configLoads(t *testing.T, c *core.ConfigMap) {
	t.Helper()
	agent, err := agentBinary()
	if err != nil {
		t.Fatalf("build the agent: %v", err)
	}
	dir := t.TempDir()
	text := c.Data["shiplog.yaml"]
	for {
		before, after, found := strings.Cut(text, "${file:/run/secrets/shiplog/")
		if !found {
			break
		}
		key, rest, _ := strings.Cut(after, "}")
		secret := filepath.Join(dir, key)
		if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		text = before + "${file:" + secret + "}" + rest
	}
	name := filepath.Join(dir, "shiplog.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(agent, "check", "--config", name).CombinedOutput(); err != nil {
		t.Errorf("agent check: %v\n%s\nof\n%s", err, out, text)
	}
}
