-- Where a job's end is, and whether anybody else can open it: `Send again` may put it into another channel or server.
-- And when a job that nobody could collect was last made due ahead of its time.

ALTER TABLE job ADD COLUMN final_guild_id BIGINT;  -- NULL: in a direct conversation, or in an answer
ALTER TABLE job ADD COLUMN final_is_answer SMALLINT NOT NULL DEFAULT 0;  -- one member sees it: it cannot be linked to

-- Until now this was concluded from the channel.
UPDATE job
   SET final_is_answer = 1
 WHERE final_message_id IS NOT NULL AND final_channel_id = channel_id
   AND (private = 1 OR (state = 'failed' AND (
        failure LIKE '%"reason":"refused"%' OR failure LIKE '%"reason":"copyright"%'
        OR failure LIKE '%"reason":"lyrics"%' OR failure LIKE '%"reason":"sensitive"%')));
UPDATE job
   SET final_guild_id = guild_id
 WHERE final_is_answer = 0 AND final_channel_id IS NOT NULL AND (final_message_id IS NULL OR final_channel_id = channel_id);

ALTER TABLE job ADD COLUMN hastened_ms BIGINT;  -- because a channel or a member's direct messages may be open again

CREATE INDEX job_uncollected_of_member ON job (member_id) WHERE state = 'uncollected';
