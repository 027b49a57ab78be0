-- A collection of OpenNumismat, version 10 of its format, with the columns that a test needs; the contents are invented.
CREATE TABLE settings (title CHAR NOT NULL UNIQUE, value CHAR);
INSERT INTO settings VALUES ('Version', '10'), ('Type', 'OpenNumismat'), ('Password', ''), ('ImageSideLen', '1024');
CREATE TABLE fields (id INTEGER NOT NULL PRIMARY KEY, title TEXT, enabled INTEGER);
INSERT INTO fields VALUES (0, 'ID', 0), (1, 'Name', 1), (14, 'Аверс', 1), (15, '2#', 1);
CREATE TABLE coins (
    id INTEGER PRIMARY KEY, title TEXT, value NUMERIC, unit TEXT, country TEXT, year INTEGER, period TEXT, mint TEXT,
    mintmark TEXT, series TEXT, subjectshort TEXT, status TEXT, material TEXT, diameter NUMERIC, catalognum1 TEXT,
    catalognum2 TEXT, rarity TEXT, dateemis TEXT, payprice NUMERIC, saller TEXT, obverseimg INTEGER, reverseimg INTEGER,
    photo1 INTEGER, url TEXT, features TEXT, width NUMERIC, height NUMERIC, technique TEXT
);
CREATE TABLE photos (id INTEGER PRIMARY KEY, title TEXT, image BLOB, author TEXT, license TEXT, source TEXT);
CREATE TABLE images (id INTEGER PRIMARY KEY, image BLOB);
INSERT INTO coins (id, title, value, unit, country, year, mint, mintmark, series, subjectshort, status, material,
    catalognum1, catalognum2, rarity, payprice, saller, obverseimg, reverseimg, width, height, technique)
VALUES (3, 'Выдуманная ракета', 15, 'к.', 'СССР', 1961, 'Выдуманный двор', 'ромб', 'Города', 'Космос / Ракеты', 'owned',
    'латунь', '12-345', 'Ильинский:7', 'R2', 100, 'выдуманный продавец', 1, 2, 18, 25.5, 'эмаль');
INSERT INTO coins (id, title, year, dateemis, diameter, status) VALUES (7, '', 1970, '1970-1972', 30, 'wish');
UPDATE coins SET subjectshort = 'Вымпел' WHERE id = 7;
