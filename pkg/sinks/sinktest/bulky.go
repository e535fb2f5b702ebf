package sinktest

import (
	"fmt"
	"math/rand/v2"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/sinks"
)

// Bulky returns a batch for benchmarks: documents of about 2.4 KB in the shape
// of a membership change, with ids that differ as real ones do, so that they
// compress no better than those.
func Bulky(count int) sinks.Batch {
	random := rand.New(rand.NewPCG(1, 2))
	return Batch(0, count, func(e *event.Event, number uint64) []byte {
		actor, user, account, workspace := uuid(random), uuid(random), uuid(random), uuid(random)
		original := fmt.Sprintf(`{"occurred":"2026-11-02T08:%02d:%02d.%06dZ","event":"prefect-cloud.workspace-access.created",`+
			`"resource":{"prefect.resource.id":"prefect-cloud.workspace-access.%s","prefect.resource.name":"%s"},`+
			`"related":[{"prefect.resource.id":"prefect-cloud.actor.%s","prefect.resource.role":"actor","prefect-cloud.name":"Ana Example","prefect-cloud.handle":"ana-example","prefect-cloud.email":"ana@example.com"},`+
			`{"prefect.resource.id":"prefect-cloud.account.%s","prefect.resource.role":"account","prefect-cloud.name":"Example Corp","prefect-cloud.handle":"example-corp"},`+
			`{"prefect.resource.id":"prefect-cloud.workspace.%s","prefect.resource.role":"workspace","prefect-cloud.name":"production"}],`+
			`"payload":{"user_id":"%s","workspace_role_id":"%s"},"id":"%s","follows":null,"account":"%s","workspace":"%s"}`,
			random.IntN(60), random.IntN(60), random.IntN(1e6), user, user, actor, account, workspace, user, uuid(random), e.ID, account, workspace)
		doc := event.AppendQuoted([]byte(`{"event":{"original":`), original)
		doc = fmt.Appendf(doc, `,"id":"%s","kind":"event","category":["iam"],"type":["user","change"],"action":"prefect-cloud.workspace-access.created","outcome":"success",`+
			`"severity":3,"dataset":"prefect.audit","module":"prefect","provider":"prefect-cloud","hash":"%x"},"@timestamp":"2026-11-02T08:00:00.123456Z",`+
			`"ecs":{"version":"9.4.0"},"message":"Workspace access granted: ana@example.com gave %s access","user":{"id":"%s","name":"ana-example","email":"ana@example.com","target":{"id":"%s"}},`+
			`"organization":{"id":"%s","name":"Example Corp"},"related":{"user":["%s","%s","ana-example","ana@example.com"]},`+
			`"prefect":{"resource":{"type":"workspace-access","id":"prefect-cloud.workspace-access.%s"},"workspace":{"id":"%s","name":"production"},"payload":{"user_id":"%s"}},"shiplog":{"source":"spool"}}`,
			e.ID, e.Hash, user, actor, user, account, actor, user, user, workspace, user)
		bulky := *e
		bulky.Doc = doc
		return bulky.AppendDoc(nil, event.Delivery{Number: number})
	})
}

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}
