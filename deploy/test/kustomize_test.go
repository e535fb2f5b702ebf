package deploy

import (
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build does what `kustomize build` does.
func build(t *testing.T, dir string) objects {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join("..", "kustomize", dir))
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

func TestKustomize(t *testing.T) {
	for _, dir := range []string{"base", "example"} {
		t.Run(dir, func(t *testing.T) {
			all := build(t, dir)
			configLoads(t, one[*core.ConfigMap](t, all))
			set := one[*apps.StatefulSet](t, all)
			pod := set.Spec.Template
			restricted(t, pod.Spec, pod.Spec.Containers[0])
			selects(t, "the StatefulSet", *set.Spec.Selector, pod.Labels)
			selects(t, "the NetworkPolicy", one[*networking.NetworkPolicy](t, all).Spec.PodSelector, pod.Labels)
			if config := pod.Spec.Volumes[0].ConfigMap; config == nil || config.Name != one[*core.ConfigMap](t, all).Name {
				t.Error("the pod mounts another ConfigMap")
			}
			if dir == "example" {
				selects(t, "the PodMonitor", one[*monitoring.PodMonitor](t, all).Spec.Selector, pod.Labels)
				if n := len(one[*networking.NetworkPolicy](t, all).Spec.Ingress); n != 1 {
					t.Errorf("%d rules let Prometheus in, want 1", n)
				}
			}
		})
	}
}
