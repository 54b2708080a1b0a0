{{/* Labels of every object; the argument is a dict of root and component. */}}
{{- define "splitvault.labels" -}}
{{ include "splitvault.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: splitvault
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Labels that select a component's pods; they never change. */}}
{{- define "splitvault.selector" -}}
app.kubernetes.io/name: splitvault-{{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Reference of an image; the argument is a dict of root and image. */}}
{{- define "splitvault.image" -}}
{{- with .root.Values.image.registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* The provider of key-encryption keys of a ring, as the operator takes it. */}}
{{- define "splitvault.kek" -}}
{{- if eq .provider "kms" }}kms:{{ .name }}=unix://{{ .socket }}{{ else }}file{{ end -}}
{{- end }}

{{/* The restricted Pod Security Standard, and a read-only root. */}}
{{- define "splitvault.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "splitvault.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
# A fresh volume belongs to root.
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What places and pulls a pod; the argument is a dict of root and part. */}}
{{- define "splitvault.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
