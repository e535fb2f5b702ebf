package normalize_test

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
	"github.com/shiplog/shiplog/pkg/normalize"
)

func TestMessages(t *testing.T) {
	const (
		ana  = `{"prefect.resource.role":"actor","prefect.resource.id":"prefect-cloud.actor.1","prefect-cloud.email":"ana@example.com"}`
		tom  = `,{"prefect.resource.role":"member","prefect.resource.id":"prefect-cloud.user.2","prefect-cloud.email":"tom@example.com"}`
		acme = `,{"prefect.resource.role":"account","prefect.resource.id":"prefect-cloud.account.3","prefect.resource.name":"Acme"}`
		prod = `,{"prefect.resource.role":"workspace","prefect.resource.id":"prefect-cloud.workspace.4","prefect.resource.name":"prod"}`
	)
	tests := map[string]struct{ action, resource, related, want string }{
		"the example":             {"prefect-cloud.api-key.created", `"prefect.resource.id":"prefect-cloud.api-key.5","prefect.resource.name":"ci-deploy"`, ana + acme, "ana@example.com created API key ci-deploy in account Acme"},
		"no actor":                {"prefect-cloud.api-key.created", `"prefect.resource.id":"prefect-cloud.api-key.5","prefect.resource.name":"ci-deploy"`, acme[1:], "API key created: ci-deploy in account Acme"},
		"nothing to name":         {"prefect-cloud.api-key.created", ``, ana + acme, "ana@example.com created API key in account Acme"},
		"no team to name":         {"prefect-cloud.team-membership.created", `"prefect.resource.id":"prefect-cloud.team-membership.5"`, ana + tom + acme, "ana@example.com added tom@example.com to team in account Acme"},
		"the account itself":      {"prefect-cloud.account.deleted", `"prefect.resource.id":"prefect-cloud.account.3"`, ana + acme, "ana@example.com deleted account Acme"},
		"account, though in one":  {"prefect-cloud.account-settings.updated", `"prefect.resource.id":"prefect-cloud.account-settings.5"`, ana + acme + prod, "ana@example.com changed the settings of account Acme"},
		"in a workspace":          {"prefect-cloud.workspace-settings.updated", `"prefect.resource.id":"prefect-cloud.workspace-settings.5"`, ana + acme + prod, "ana@example.com changed the settings of workspace prod of account Acme"},
		"somebody's own name":     {"Acme.Build", ``, ana, "Acme.Build by ana@example.com"},
		"a name of two lines":     {"prefect-cloud.webhook.deleted", `"prefect.resource.name":"evil\nCEF:0|x \u202egnp\u0000 é"`, ana, "ana@example.com deleted webhook evil CEF:0|x gnp  é"},
		"a name written as it is": {"prefect-cloud.webhook.deleted", "\"prefect.resource.name\":\"a\u202eb\u2028c\"", ana, "ana@example.com deleted webhook ab c"},
		"a name with a quote":     {"prefect-cloud.webhook.deleted", `"prefect.resource.name":"\"x\" \\ y"`, ana, `ana@example.com deleted webhook "x" \ y`},
		"a name without words":    {"prefect-cloud..", ``, ana, "prefect-cloud.. by ana@example.com"},
	}
	n := newNormalizer(t, normalize.Options{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			raw := `{"id":"1","event":"` + tt.action + `","resource":{` + tt.resource + `},"related":[` + tt.related + `]}`
			e := normalized(t, n, &event.Record{Raw: []byte(raw)})
			expect(t, decode(t, e.Doc), map[string]string{"message": quote(tt.want)})
		})
	}
}
