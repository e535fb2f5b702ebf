package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

var chartDir = filepath.Join("..", "helm", "shiplog")

// render does what `helm template` does.
func render(t *testing.T, values string) (objects, error) {
	t.Helper()
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	given, err := chartutil.ReadValuesFile(values)
	if err != nil {
		t.Fatal(err)
	}
	options := chartutil.ReleaseOptions{Name: "test", Namespace: "audit", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for name, content := range files {
		if strings.HasSuffix(name, ".yaml") {
			text.WriteString("---\n" + content + "\n")
		}
	}
	return decode(t, []byte(text.String())), nil
}

func mustRender(t *testing.T, values string) objects {
	t.Helper()
	all, err := render(t, filepath.Join(chartDir, "ci", values))
	if err != nil {
		t.Fatal(err)
	}
	configLoads(t, one[*core.ConfigMap](t, all))
	return all
}

func TestHelmStandalone(t *testing.T) {
	all := mustRender(t, "standalone-values.yaml")
	set := one[*apps.StatefulSet](t, all)
	pod := set.Spec.Template
	restricted(t, pod.Spec, pod.Spec.Containers[0])
	selects(t, "the StatefulSet", *set.Spec.Selector, pod.Labels)
	if n := *set.Spec.Replicas; n != 1 {
		t.Errorf("%d agents on one journal", n)
	}
	if n := len(set.Spec.VolumeClaimTemplates); n != 1 {
		t.Errorf("%d claims, want 1", n)
	}
	policy := one[*networking.NetworkPolicy](t, all)
	selects(t, "the NetworkPolicy", policy.Spec.PodSelector, pod.Labels)
	if len(policy.Spec.Ingress) != 1 || len(policy.Spec.Egress) != 2 {
		t.Errorf("the NetworkPolicy has %d and %d rules", len(policy.Spec.Ingress), len(policy.Spec.Egress))
	}
	secret := one[*core.Secret](t, all)
	for _, key := range []string{"admin-token", "prefect-api-key", "es-api-key"} {
		if len(secret.Data[key]) == 0 {
			t.Errorf("the Secret has no %s", key)
		}
	}
	monitor := one[*monitoring.PodMonitor](t, all)
	selects(t, "the PodMonitor", monitor.Spec.Selector, pod.Labels)
	if token := monitor.Spec.PodMetricsEndpoints[0].Authorization.Credentials; token.Name != secret.Name || token.Key != "admin-token" {
		t.Errorf("the PodMonitor takes its token from %s of %s", token.Key, token.Name)
	}
	if set.Spec.ServiceName != one[*core.Service](t, all).Name {
		t.Error("the StatefulSet names another Service")
	}
	if pod.Spec.ServiceAccountName != one[*core.ServiceAccount](t, all).Name {
		t.Error("the pod names another ServiceAccount")
	}
}

func TestHelmSidecar(t *testing.T) {
	all := mustRender(t, "sidecar-values.yaml")
	pod := one[*apps.Deployment](t, all).Spec.Template
	if len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Containers) != 1 {
		t.Fatalf("%d sidecars and %d workloads", len(pod.Spec.InitContainers), len(pod.Spec.Containers))
	}
	sidecar := pod.Spec.InitContainers[0]
	restricted(t, pod.Spec, sidecar)
	mountsExist(t, pod.Spec, pod.Spec.Containers[0])
	if p := sidecar.RestartPolicy; p == nil || *p != core.ContainerRestartPolicyAlways {
		t.Error("the agent is no native sidecar: the pod would wait for its end")
	}
	if len(each[*core.Secret](all)) != 0 {
		t.Error("a Secret is made beside the one that exists")
	}
	for _, kind := range one[*networking.NetworkPolicy](t, all).Spec.PolicyTypes {
		if kind == networking.PolicyTypeEgress {
			t.Error("the sidecar's policy bounds where the workload may go")
		}
	}
}

func TestHelmWithWhatExists(t *testing.T) {
	all := mustRender(t, "existing-values.yaml")
	pod := one[*apps.StatefulSet](t, all).Spec.Template.Spec
	restricted(t, pod, pod.Containers[0])
	if image := pod.Containers[0].Image; !strings.Contains(image, "@sha256:") {
		t.Errorf("image %s, want it by digest", image)
	}
	if port := pod.Containers[0].Ports[0].ContainerPort; port != 9999 {
		t.Errorf("port %d, want that of the config", port)
	}
	if len(each[*networking.NetworkPolicy](all))+len(each[*core.Secret](all)) != 0 {
		t.Error("what was not wanted is there")
	}
}

func TestHelmRefuses(t *testing.T) {
	for name, c := range map[string]struct{ values, want string }{
		"nothing":            {"", "sources"},
		"no sink":            {"config: {sources: {s: {type: spool}}}", "sinks"},
		"an unknown mode":    {"mode: daemonset\nconfig: {sources: {s: {}}, sinks: {s: {}}}", "mode"},
		"a lonesome sidecar": {"mode: sidecar\nconfig: {sources: {s: {}}, sinks: {s: {}}}", "sidecar.containers"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(c.values), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := render(t, file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to name %q", err, c.want)
			}
		})
	}
}

func TestHelmLint(t *testing.T) {
	values, err := chartutil.ReadValuesFile(filepath.Join(chartDir, "ci", "standalone-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range lint.AllWithKubeVersionAndSchemaValidation(chartDir, values, "audit", nil, false).Messages {
		if m.Severity >= support.WarningSev {
			t.Error(m)
		}
	}
}
