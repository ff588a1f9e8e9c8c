-- Callback bodies move to a table of their own.
SELECT 1;
