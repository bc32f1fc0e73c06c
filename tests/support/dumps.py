"""The complete contents of the stores, as searchable text."""

from redis.asyncio import Redis
from sqlalchemy import select

from shared.storage.database import Database
from shared.storage.tables import metadata


async def redis_dump(redis: Redis) -> str:
    """Every key with its contents, by a full scan."""
    found: list[object] = []
    async for key in redis.scan_iter():
        match (await redis.type(key)).decode():  # type: ignore[union-attr]  # bytes, without decode_responses
            case "string":
                value: object = await redis.get(key)
            case "hash":
                value = await redis.hgetall(key)
            case "zset":
                value = await redis.zrange(key, 0, -1)
            case "stream":
                value = await redis.xrange(key)
            case "list":
                value = await redis.lrange(key, 0, -1)
            case "set":
                value = await redis.smembers(key)
            case other:
                raise AssertionError(other)
        found.append((key, value))
    return repr(found)


async def sql_dump(database: Database) -> str:
    """Every row of every table."""
    return repr({table.name: await database.read(select(table)) for table in metadata.sorted_tables})
