// Settings of the installation, and of this browser.
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { DescriptionList } from "@pf/DescriptionList";
import { Form } from "@pf/Form";
import { PageSection } from "@pf/Page";
import { ToggleGroup, ToggleGroupItem } from "@pf/ToggleGroup";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { type FormEvent, type ReactNode, useState } from "react";
import type { Setting } from "../api/generated";
import { PlanView, usePlan } from "../components/Plan";
import { Forbidden, ProblemAlert, ProblemState } from "../components/Problem";
import { SpecFields } from "../components/SpecForm";
import { Term } from "../components/Term";
import { complete, type Values } from "../models/form";
import { settingEdit, settingFields, settingValues } from "../models/resources";
import { useCollection } from "../state/queries";
import { useSend } from "../state/send";
import { useMay } from "../state/session";
import { setTheme, useTheme } from "../state/theme";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { PageHead } from "./PageHead";

function SettingForm({ setting }: { setting: Setting }): ReactNode {
  const [typed, setTyped] = useState<Values>();
  const values = typed ?? settingValues(setting);
  const mayUpdate = useMay("settings.update");
  const { busy, problem, run } = useSend();
  const ready = typed !== undefined && complete(settingFields, values);
  const change = settingEdit(setting, values);
  const plan = usePlan(ready && mayUpdate ? change : undefined);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!ready || busy || !(await run(change))) return;
    setTyped(undefined);
    addToast({ variant: "success", title: text.settings.saved });
  };
  return (
    <Card>
      <CardTitle>{setting.metadata.name}</CardTitle>
      <CardBody>
        <Form onSubmit={(e) => void submit(e)} isWidthLimited noValidate>
          <ProblemAlert problem={problem} />
          <SpecFields fields={settingFields} values={values} set={(k, v) => setTyped({ ...values, [k]: v })} problem={problem} />
          {typed && <PlanView {...plan} />}
          <div><Button type="submit" isLoading={busy} isDisabled={!ready || !mayUpdate || busy}>{text.settings.save}</Button></div>
        </Form>
      </CardBody>
    </Card>
  );
}

export function Settings(): ReactNode {
  const settings = useCollection("settings");
  const version = useCollection("nodes").data?.items[0]?.status.version;
  const mayRead = useMay("settings.read");
  const theme = useTheme();
  return (
    <>
      <PageHead title={text.settings.title} />
      <PageSection hasBodyWrapper={false}>
        <Stack hasGutter>
          {!mayRead ? <StackItem><Forbidden permission="settings.read" /></StackItem> : settings.error ? <StackItem><ProblemState error={settings.error} retry={() => void settings.refetch()} /></StackItem>
            : settings.data?.items.map((s) => <StackItem key={`${s.metadata.uuid}/${s.metadata.revision}`}><SettingForm setting={s} /></StackItem>)}
          <StackItem>
            <Card>
              <CardTitle>{text.settings.theme}</CardTitle>
              <CardBody>
                <ToggleGroup aria-label={text.settings.theme}>
                  {(["system", "light", "dark"] as const).map((k) => <ToggleGroupItem key={k} buttonId={`theme-${k}`} text={text.header.themes[k]} isSelected={theme === k} onChange={() => setTheme(k)} />)}
                </ToggleGroup>
              </CardBody>
            </Card>
          </StackItem>
          <StackItem>
            <Card>
              <CardTitle>{text.settings.about}</CardTitle>
              <CardBody>
                <DescriptionList isHorizontal isCompact>
                  <Term label={text.settings.version}>{text.product} {version ?? ""}</Term>
                  <Term label={text.header.api}><a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">OpenAPI 3.1</a></Term>
                  <Term label={text.settings.licenseLabel}>{text.settings.license}</Term>
                </DescriptionList>
              </CardBody>
            </Card>
          </StackItem>
        </Stack>
      </PageSection>
    </>
  );
}
