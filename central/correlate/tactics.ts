/** ATT&CK: which tactic a technique serves, and the order in which an attack goes through tactics. */

/** From first to last; the stage of an incident is the furthest one seen. */
export const TACTICS = [
  'reconnaissance',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact',
] as const;
export type Tactic = (typeof TACTICS)[number];
export type Stage = Tactic | 'unknown';

// The containers matrix and what Linux hosts add, ATT&CK v17; a technique that serves several stands with the first that a run-time sensor sees it do.
const TECHNIQUES: Readonly<Record<Tactic, string>> = {
  reconnaissance: 'T1595 T1592 T1590',
  'initial-access': 'T1190 T1133 T1195 T1199',
  execution: 'T1059 T1609 T1610 T1204 T1106 T1129 T1203 T1651',
  persistence: 'T1053 T1098 T1136 T1525 T1543 T1505 T1546 T1547 T1554 T1176 T1556',
  'privilege-escalation': 'T1068 T1611 T1548 T1055 T1078 T1484',
  'defense-evasion':
    'T1014 T1027 T1036 T1070 T1140 T1202 T1222 T1480 T1497 T1562 T1564 T1574 T1578 T1612 T1620 T1599',
  'credential-access': 'T1003 T1040 T1110 T1212 T1528 T1539 T1552 T1555 T1557 T1649',
  discovery: 'T1007 T1016 T1018 T1033 T1046 T1049 T1057 T1069 T1082 T1083 T1087 T1135 T1518 T1580 T1613',
  'lateral-movement': 'T1021 T1210 T1550 T1563 T1570',
  collection: 'T1005 T1039 T1074 T1113 T1115 T1119 T1213 T1530 T1560',
  'command-and-control': 'T1001 T1071 T1090 T1095 T1102 T1104 T1105 T1132 T1219 T1568 T1571 T1572 T1573',
  exfiltration: 'T1011 T1020 T1029 T1030 T1041 T1048 T1052 T1537 T1567',
  impact: 'T1485 T1486 T1489 T1490 T1491 T1495 T1496 T1498 T1499 T1529 T1531 T1561 T1565 T1657',
};

const TACTIC_OF: ReadonlyMap<string, Tactic> = new Map(
  TACTICS.flatMap((tactic) => TECHNIQUES[tactic].split(' ').map((technique) => [technique, tactic] as const)),
);

/** The tactics that these techniques serve, in the order of an attack; a sub-technique serves its technique's. */
export function tacticsOf(techniques: readonly string[]): Tactic[] {
  const seen = new Set(techniques.map((technique) => TACTIC_OF.get(technique.split('.')[0] ?? '')));
  return TACTICS.filter((tactic) => seen.has(tactic));
}

export function stageOf(techniques: readonly string[]): Stage {
  return tacticsOf(techniques).at(-1) ?? 'unknown';
}
