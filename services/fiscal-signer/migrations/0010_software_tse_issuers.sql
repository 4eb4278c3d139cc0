-- Who issued the software TSE's certificate: DER, from the issuer up to the root. Devices from
-- before have a certificate that they signed themselves, and none.

ALTER TABLE software_tse ADD COLUMN issuers bytea[] NOT NULL DEFAULT '{}';
