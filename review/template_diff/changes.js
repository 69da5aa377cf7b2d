// Compares pairs of templates with the CDK's own differ, all stacks in one process: loading the
// resource specification takes longer than comparing twenty stacks with it.
//
// stdin:  [{ "name": stack, "before": path or null, "after": path or null }, ...]
// stdout: [{ "name": stack, "resources": [...], "sections": [...], "broadened": bool }, ...]
'use strict';

const fs = require('fs');
const { fullDiff } = require('@aws-cdk/cloudformation-diff');

const SECTIONS = ['parameters', 'mappings', 'conditions', 'outputs', 'metadata', 'unknown'];

function template(path) {
  return path ? JSON.parse(fs.readFileSync(path, 'utf8')) : {};
}

function resourceChange(logicalId, change) {
  const properties = Object.entries(change.propertyUpdates);
  return {
    logicalId,
    beforeType: change.oldResourceType ?? null,
    afterType: change.newResourceType ?? null,
    impact: change.changeImpact,
    replacing: properties.filter(([, p]) => /REPLACE$/.test(p.changeImpact)).map(([name]) => name),
    properties: properties.map(([name]) => name),
    attributes: Object.keys(change.otherChanges),
  };
}

function sections(diff) {
  const changed = SECTIONS.flatMap((section) =>
    diff[section].logicalIds.map((name) => ({ section, name })));
  if (diff.description) {
    changed.push({ section: 'description', name: 'Description' });
  }
  return changed;
}

function compare({ name, before, after }) {
  const diff = fullDiff(template(before), template(after));
  const resources = [];
  diff.resources.forEachDifference((logicalId, change) =>
    resources.push(resourceChange(logicalId, change)));
  return { name, resources, sections: sections(diff), broadened: diff.permissionsBroadened };
}

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, 'utf8')).map(compare)));
